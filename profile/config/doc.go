// Package config reads, checks, edits and remembers a profile's config file.
//
// The file is JSON5 and belongs to the user: only Edit writes it, and only what its caller changes.
// Load goes through these steps, in this order:
//
//  1. read the file and parse it (package json5);
//  2. $include: {"$include": "a.json5"} or a list of paths, in any object, relative to the file it
//     stands in, nested to 10. Files of a list are merged in order, keys beside $include win. Objects
//     merge key by key, arrays are joined, any other value replaces;
//  3. ${NAME} in string values, NAME of upper-case letters, digits and _; $${NAME} stands for ${NAME}.
//     A value comes from the environment, else the .env file, else the config's own env block. An
//     empty value counts as unset, so that no credential is empty by accident;
//  4. decode into Config over Default, checking types, ranges, words and formats;
//  5. the rules between keys (rules.go).
//
// The original reads .env from the working directory as well; here it is only the one of the
// profile's state folder, so that a profile's secrets do not depend on where a command is typed.
//
// Errors refuse the file and are one *Error with a position for each Issue. Unknown keys, keys of
// parts that this gateway lacks, and duplicate keys are warnings.
//
// One reflection walk over the types of types.go both validates and makes the JSON Schema. A schema
// library was the alternative: it would compile the schema on each start (some milliseconds, where
// a whole Load takes a fraction of one), know no positions, and word its errors for programmers.
// A test holds the generated schema against such a library.
//
// A config that ran is a Generation. Plan tells what another one would change; Generations.Choose decides what a start
// runs when that cannot be the file, and Tighten keeps it from being weaker than the file.
//
// Loaded values are not changed after Load and may be read from many goroutines.
package config

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clawdbot/bus/subject"
	"clawdbot/profile/ports"
)

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "clawdbot/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// layer is how high a package stands; imports may only go down. Components
// stand side by side and are told apart by name.
func layer(path string) (rank int, component string) {
	rel := strings.TrimPrefix(path, "clawdbot/")
	top, _, _ := strings.Cut(rel, "/")
	switch {
	case slices.ContainsFunc([]string{"agent", "approval", "cron", "record", "rescue"}, func(c string) bool { return strings.HasPrefix(rel+"/", "gateway/"+c+"/") }):
		return 2, strings.Join(strings.Split(rel, "/")[:2], "/")
	case top == "gateway", top == "bridge", top == "canvas", top == "browser":
		return 2, top
	case top == "cmd":
		return 3, ""
	}
	return 1, ""
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		rank, component := layer(p.ImportPath)
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, "clawdbot/") {
				continue
			}
			r, c := layer(imp)
			if r > rank || r == 2 && rank == 2 && c != component {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

// TestOnlyProfileAsksTheSurroundings proves that no other package asks for the
// home folder or reads the environment.
func TestOnlyProfileAsksTheSurroundings(t *testing.T) {
	forbidden := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "UserHomeDir", "UserConfigDir", "UserCacheDir", "Setenv", "Unsetenv"}
	seen := false
	for _, p := range packages(t) {
		if strings.HasSuffix(p.ImportPath, "test") { // kits that only tests import
			continue
		}
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, _ := sel.X.(*ast.Ident)
				asks := pkg != nil && (pkg.Name == "os" || pkg.Name == "syscall") && slices.Contains(forbidden, sel.Sel.Name)
				switch {
				case !asks && sel.Sel.Name != "HomeDir": // HomeDir is of user.User
				case p.ImportPath == "clawdbot/profile":
					seen = true
				default:
					t.Errorf("%s: %s", fset.Position(n.Pos()), sel.Sel.Name)
				}
				return true
			})
		}
	}
	if !seen {
		t.Error("the search finds nothing even in profile: it cannot fail")
	}
}

func readme(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestReadmeHasTheSubjectTable(t *testing.T) {
	var want strings.Builder
	for _, r := range subject.Table() {
		crosses := ""
		if r.Crosses {
			crosses = "yes"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s | %s | %s |\n", r.Subject, r.Kind, r.From, r.To, r.What, crosses)
	}
	if !strings.Contains(readme(t), want.String()) {
		t.Errorf("the README's table of subjects must be:\n%s", &want)
	}
}

func TestReadmeHasThePorts(t *testing.T) {
	text := readme(t)
	const base = 20000
	set, err := ports.Derive(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range set.Listeners() {
		row := "| " + strconv.Itoa(l.Port-base) + " | "
		if !strings.Contains(text, row) {
			t.Errorf("no row %q for %s", row, l.Component)
		}
	}
	if row := fmt.Sprintf("| %d … %d |", set.CDP.From-base, set.CDP.To-base); !strings.Contains(text, row) {
		t.Errorf("no row %q", row)
	}
}

package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"clawdbot/browser/api"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

// createdProfiles are the browser profiles that calls have created. They are
// kept here and not in the config, which is the user's.
func createdProfiles(s *store.Store) store.Keyspace[config.BrowserProfile] {
	return store.NewKeyspace[config.BrowserProfile](s, name, "profile")
}

// manageVerbs are the calls that change which browser profiles there are.
func (s *Server) manageVerbs() []verb {
	return []verb{
		{"profiles_create", "POST /profiles/create", with(s.createProfile)},
		{"profiles_delete", "DELETE /profiles/{name}", with(s.deleteProfile)},
		{"reset_profile", "POST /reset-profile", s.resetProfile},
	}
}

// createProfile answers POST /profiles/create.
func (s *Server) createProfile(_ context.Context, _ *browser, in api.CreateProfileRequest) (answer, error) {
	p := config.BrowserProfile{CDPURL: in.CDPURL, Color: in.Color, Driver: in.Driver}
	if err := p.Check(in.Name); err != nil {
		return nil, api.Errorf(http.StatusBadRequest, "%w", err)
	}
	if slices.Contains(folders(), in.Name) {
		return nil, api.Errorf(http.StatusBadRequest, "name %q is taken: browser control has a folder of that name", in.Name)
	}
	s.managing.Lock()
	defer s.managing.Unlock()
	if b, err := s.browsers.named(in.Name); err == nil {
		return nil, api.Errorf(http.StatusConflict, "browser profile %q exists already (%s)", b.name, b.source)
	}
	if p.Color == "" {
		p.Color = s.browsers.freeColor()
	}
	if p.CDPURL == "" && p.Driver != extensionDriver {
		port, err := s.launcher.FreePort()
		if err != nil {
			return nil, api.Errorf(http.StatusInsufficientStorage, "%w: delete a browser profile", err)
		}
		p.CDPPort = port
	}
	b, err := s.newBrowser(in.Name, p, created)
	if err != nil {
		return nil, err
	}
	if err := s.created.Put(in.Name, p); err != nil {
		return nil, fmt.Errorf("browser profile %q: %w", in.Name, err)
	}
	s.browsers.add(b)
	s.cfg.Log.Info("browser profile created", "browserProfile", b.name, "cdpPort", b.port)
	return &api.CreatedProfile{
		OK: true, Profile: b.name, CDPPort: b.shownPort(), CDPURL: b.shownURL(), Color: b.color, IsRemote: b.isRemote(),
	}, nil
}

// deleteProfile answers DELETE /profiles/{name}: only of what a call has
// created.
func (s *Server) deleteProfile(_ context.Context, _ *browser, in api.DeleteProfileRequest) (answer, error) {
	s.managing.Lock()
	defer s.managing.Unlock()
	b, err := s.browsers.named(in.Name)
	switch {
	case err != nil:
		return nil, err
	case in.Name == "":
		return nil, api.Errorf(http.StatusBadRequest, "name is required")
	case b.name == s.cfg.Settings.DefaultProfile:
		return nil, api.Errorf(http.StatusBadRequest, "browser profile %q is the default: set browser.defaultProfile to another one first", b.name)
	case b.source == builtIn:
		return nil, api.Errorf(http.StatusConflict, "browser profile %q is always there: reset-profile empties it", b.name)
	case b.source == configured:
		return nil, api.Errorf(http.StatusConflict, "browser profile %q is in the config file: clawdbot config unset browser.profiles.%s", b.name, b.name)
	}
	to, err := b.retire()
	if err != nil {
		return nil, fmt.Errorf("browser profile %q: %w", b.name, err)
	}
	if err := s.created.Delete(b.name); err != nil {
		return nil, fmt.Errorf("browser profile %q: %w", b.name, err)
	}
	s.browsers.remove(b)
	s.announce()
	s.cfg.Log.Info("browser profile deleted", "browserProfile", b.name, "to", to)
	return &api.DeletedProfile{OK: true, Profile: b.name, Deleted: to != "", To: to}, nil
}

// resetProfile answers POST /reset-profile.
func (s *Server) resetProfile(_ context.Context, b *browser, _ args) (answer, error) {
	to, err := b.reset()
	if err != nil {
		return nil, fmt.Errorf("browser profile %q: %w", b.name, err)
	}
	return &api.ResetProfile{OK: true, Profile: b.name, Moved: to != "", From: b.userData(), To: to}, nil
}

var (
	errOthers  = errors.New("the browser is not started here, so its user data are not ours to move")
	errDeleted = api.Errorf(http.StatusNotFound, "it was deleted meanwhile")
)

// reset stops the browser and moves its user data into the trash.
func (b *browser) reset() (to string, err error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	if !b.starts() {
		return "", errOthers
	}
	b.halt(stopGrace)
	return b.discard(b.userData())
}

// retire stops the browser for good and moves all that it has on disk into the
// trash.
func (b *browser) retire() (to string, err error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.halt(stopGrace)
	if b.starts() {
		to, err = b.discard(filepath.Dir(b.userData()))
	}
	b.retired = err == nil
	return to, err
}

// discard moves a folder of a browser that is stopped into the trash. One that
// another Chromium uses stays.
func (b *browser) discard(folder string) (to string, err error) {
	if err := b.server.launcher.Unused(b.userData()); err != nil {
		return "", err
	}
	bin := trash(filepath.Join(b.server.cfg.Dir, ".trash")) // no browser profile has such a name
	return bin.move(folder, b.name, time.Now())
}

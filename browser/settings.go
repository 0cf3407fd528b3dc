package browser

import (
	"context"
	"net/http"
	"time"

	"clawdbot/browser/api"
	"clawdbot/browser/tab"
)

// settingVerbs are the calls of this file.
func (s *Server) settingVerbs() []verb {
	return []verb{
		{"cookies", "GET /cookies", onTab(brief(s.cookies))},
		{"cookies_set", "POST /cookies/set", onTab(brief(s.setCookie))},
		{"cookies_clear", "POST /cookies/clear", onTab(brief(s.clearCookies))},
		{"storage", "GET /storage/{kind}", onTab(brief(s.storage))},
		{"storage_set", "POST /storage/{kind}/set", onTab(brief(s.setStorage))},
		{"storage_clear", "POST /storage/{kind}/clear", onTab(brief(s.clearStorage))},
		{"set_offline", "POST /set/offline", onTab(brief(s.setOffline))},
		{"set_headers", "POST /set/headers", onTab(brief(s.setHeaders))},
		{"set_credentials", "POST /set/credentials", onTab(brief(s.setCredentials))},
		{"set_geolocation", "POST /set/geolocation", onTab(brief(s.setGeolocation))},
		{"set_media", "POST /set/media", onTab(brief(s.setMedia))},
		{"set_timezone", "POST /set/timezone", onTab(brief(s.setTimezone))},
		{"set_locale", "POST /set/locale", onTab(brief(s.setLocale))},
		{"set_device", "POST /set/device", onTab(brief(s.setDevice))},
	}
}

// briefTime bounds a call that asks or tells the page one thing.
const briefTime = 20 * time.Second

// brief gives f no longer than briefTime.
func brief[In any](f func(context.Context, *tab.Tab, In) (answer, error)) func(context.Context, *tab.Tab, In) (answer, error) {
	return func(ctx context.Context, t *tab.Tab, in In) (answer, error) {
		ctx, cancel := context.WithTimeout(ctx, briefTime)
		defer cancel()
		return f(ctx, t, in)
	}
}

// required is the error of a call that lacks an argument.
func required(name string) error {
	return api.Errorf(http.StatusBadRequest, "%s is required", name)
}

// cookies answers GET /cookies.
func (s *Server) cookies(ctx context.Context, t *tab.Tab, _ api.TabRequest) (answer, error) {
	cookies, err := t.Cookies(ctx)
	if err != nil {
		return nil, err
	}
	return &api.Cookies{Cookies: cookies}, nil
}

// setCookie answers POST /cookies/set.
func (s *Server) setCookie(ctx context.Context, t *tab.Tab, in api.SetCookieRequest) (answer, error) {
	if in.Cookie == nil {
		return nil, required("cookie")
	}
	return &api.OnTab{}, t.SetCookie(ctx, *in.Cookie)
}

// clearCookies answers POST /cookies/clear.
func (s *Server) clearCookies(ctx context.Context, t *tab.Tab, _ api.TabRequest) (answer, error) {
	return &api.OnTab{}, t.ClearCookies(ctx)
}

// storage answers GET /storage/{kind}.
func (s *Server) storage(ctx context.Context, t *tab.Tab, in api.StorageRequest) (answer, error) {
	storage, err := t.Storage(in.Kind)
	if err != nil {
		return nil, err
	}
	values, err := storage.Values(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	return &api.Storage{Values: values}, nil
}

// setStorage answers POST /storage/{kind}/set.
func (s *Server) setStorage(ctx context.Context, t *tab.Tab, in api.SetStorageRequest) (answer, error) {
	storage, err := t.Storage(in.Kind)
	switch {
	case err != nil:
		return nil, err
	case in.Key == "":
		return nil, required("key")
	case in.Value == nil:
		return nil, required("value")
	}
	return &api.OnTab{}, storage.Set(ctx, in.Key, *in.Value)
}

// clearStorage answers POST /storage/{kind}/clear.
func (s *Server) clearStorage(ctx context.Context, t *tab.Tab, in api.StorageRequest) (answer, error) {
	storage, err := t.Storage(in.Kind)
	if err != nil {
		return nil, err
	}
	return &api.OnTab{}, storage.Clear(ctx)
}

// setOffline answers POST /set/offline.
func (s *Server) setOffline(ctx context.Context, t *tab.Tab, in api.OfflineRequest) (answer, error) {
	if in.Offline == nil {
		return nil, required("offline")
	}
	return &api.OnTab{}, t.SetOffline(ctx, *in.Offline)
}

// setHeaders answers POST /set/headers.
func (s *Server) setHeaders(ctx context.Context, t *tab.Tab, in api.HeadersRequest) (answer, error) {
	if in.Headers == nil {
		return nil, required("headers")
	}
	return &api.OnTab{}, t.SetHeaders(ctx, in.Headers)
}

// setCredentials answers POST /set/credentials.
func (s *Server) setCredentials(ctx context.Context, t *tab.Tab, in api.CredentialsRequest) (answer, error) {
	if in.Clear {
		return &api.OnTab{}, t.SetCredentials(ctx, nil)
	}
	if in.Username == "" {
		return nil, required("username, or clear,")
	}
	return &api.OnTab{}, t.SetCredentials(ctx, &tab.Credentials{Username: in.Username, Password: in.Password, Origin: in.Origin})
}

// setGeolocation answers POST /set/geolocation.
func (s *Server) setGeolocation(ctx context.Context, t *tab.Tab, in api.GeolocationRequest) (answer, error) {
	if in.Clear {
		return &api.OnTab{}, t.SetGeolocation(ctx, nil, in.Origin)
	}
	if in.Latitude == nil || in.Longitude == nil {
		return nil, required("latitude and longitude, or clear,")
	}
	return &api.OnTab{}, t.SetGeolocation(ctx, &tab.Place{Latitude: *in.Latitude, Longitude: *in.Longitude, Accuracy: in.Accuracy}, in.Origin)
}

// setMedia answers POST /set/media.
func (s *Server) setMedia(ctx context.Context, t *tab.Tab, in api.MediaRequest) (answer, error) {
	return &api.OnTab{}, t.SetColorScheme(ctx, in.ColorScheme)
}

// setTimezone answers POST /set/timezone.
func (s *Server) setTimezone(ctx context.Context, t *tab.Tab, in api.TimezoneRequest) (answer, error) {
	if in.TimezoneID == "" {
		return nil, required("timezoneId")
	}
	return &api.OnTab{}, t.SetTimezone(ctx, in.TimezoneID)
}

// setLocale answers POST /set/locale.
func (s *Server) setLocale(ctx context.Context, t *tab.Tab, in api.LocaleRequest) (answer, error) {
	if in.Locale == "" {
		return nil, required("locale")
	}
	return &api.OnTab{}, t.SetLocale(ctx, in.Locale)
}

// setDevice answers POST /set/device.
func (s *Server) setDevice(ctx context.Context, t *tab.Tab, in api.DeviceRequest) (answer, error) {
	if in.Name == "" {
		return nil, required("name")
	}
	return &api.OnTab{}, t.SetDevice(ctx, in.Name)
}

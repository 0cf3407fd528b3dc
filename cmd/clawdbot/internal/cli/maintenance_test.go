package cli

import (
	"testing"
	"time"
)

func TestMaintenanceCommand(t *testing.T) {
	h := newHome(t)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "maintenance"}, args...)...)
	}
	for _, verb := range []string{"on", "off", "status"} {
		on(verb).wants(78, "", "profile main was never set up\ntry: clawdbot --profile main setup\n")
	}
	h.setup("main", h.base)
	on("status").wants(0, "main is not under maintenance.", "")
	on("on", "--for", "2h", "--reason", "new disk").wants(0, "main is under maintenance until ", "")
	on("status").wants(0, ": new disk\n", "")
	var r maintenanceReport
	on("status", "--json").wants(0, "", "").into(&r)
	if r.Profile != "main" || r.Maintenance == nil || r.Maintenance.By != "operator" || time.Until(r.Maintenance.Until) < 110*time.Minute {
		t.Errorf("got %+v", r.Maintenance)
	}
	if i, err := h.profile("main").Registry.Get("main"); err != nil || !i.InMaintenance(time.Now()) {
		t.Errorf("registry: %+v, %v", i, err)
	}
	for _, lasts := range []string{"25h", "0s", "-1m", "1ns", "999ms"} {
		on("on", "--for", lasts).wants(2, "", "a maintenance lasts from 1s to 24h0m0s")
	}
	on("on", "--for", "soon").wants(2, "", `"soon"`)
	on("on", "now").wants(2, "", "takes no arguments")
	on("off").wants(0, "main is not under maintenance.", "")
	on("off").wants(0, "main is not under maintenance.", "")
	on("status", "--json").wants(0, `"maintenance": null`, "")
}

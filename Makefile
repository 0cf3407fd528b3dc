SHELL := /bin/bash
.DEFAULT_GOAL := help

# Pebble's C allocator and compressor cost more memory than they save here.
export CGO_ENABLED := 0
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo 0.1.0-dev)
LDFLAGS := -s -w -X main.version=$(patsubst v%,%,$(VERSION))
BIN := bin/clawdbot
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help build run test race bench cover lint fmt check cross drill drill-long fuzz deps clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/clawdbot
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/clawdbot

run: build ## build, then run main and rescue together; Ctrl-C stops both
	$(BIN) up main rescue

test: deps race cross ## install what the tests need, run them all with -race, and cross-build

# The race detector is the one thing that needs cgo.
race: ## every test with -race
	CGO_ENABLED=1 go test -race -timeout 20m ./...

bench: build ## measure the figures and print them as tables
	go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./bus ./gateway ./cmd/clawdbot

drill: build ## rehearse every fault on scratch copies
	$(BIN) drill

drill-long: build ## the same, with an hour of a busy host
	$(BIN) drill --busy 60m

cover: ## test coverage by package
	CGO_ENABLED=1 go test -coverprofile cover.out ./... && go tool cover -func cover.out | tail -1

lint: ## vet, staticcheck and golangci-lint
	go vet ./...
	go run $(STATICCHECK) ./...
	go run $(GOLANGCI) run ./...

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

check: ## what a change must pass: format, lint, tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run: make fmt"; exit 1; }
	$(MAKE) lint test

cross: ## compile for every platform
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "build $$os/$$arch"; GOOS=$$os GOARCH=$$arch go build -o /dev/null ./cmd/clawdbot || exit 1; done; done

fuzz: ## each fuzz target for 20 s
	@for pkg in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
		go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$pkg || exit 1; done; done

deps: ## install Chromium, systemd and D-Bus for the tests (Debian, as root)
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	test -x /lib/systemd/systemd || missing="$$missing systemd"; \
	command -v dbus-daemon >/dev/null || missing="$$missing dbus"; \
	command -v ip >/dev/null || missing="$$missing iproute2"; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	test -z "$$missing" && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "the tests need:$$missing — install them with your package manager, then run make test again"; exit 1; fi

clean: ## remove what was built
	rm -rf bin cover.out

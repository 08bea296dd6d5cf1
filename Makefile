# SPDX-License-Identifier: Apache-2.0
# make help lists the targets. Everything built lands under build/$(MODE)/; release programs are linked from bin/.

VERSION := 1.0.0
MODE ?= release

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
PKG_CONFIG ?= pkg-config
PYTHON ?= python3
FUZZ_CC ?= $(or $(shell command -v clang),clang-14)
FUZZ_SECONDS ?= 20

LIBS := libmicrohttpd jansson librabbitmq libssl libcrypto libcurl zlib

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
	-Wvla -Wformat=2 -Wundef -Wswitch-enum
ifeq ($(WERROR),1)
WARNINGS += -Werror
endif
HARDENING := -fstack-protector-strong -fPIE
HARDENING_LD := -pie -Wl,-z,relro,-z,now

ifeq ($(MODE),release)
MODE_FLAGS := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else ifeq ($(MODE),debug)
MODE_FLAGS := -O0
else ifeq ($(MODE),asan)
MODE_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(MODE),tsan)
MODE_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=thread
else ifeq ($(MODE),cov)
MODE_FLAGS := -O0 --coverage
else ifeq ($(MODE),static)
MODE_FLAGS := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections
else
$(error MODE=$(MODE): expected release, debug, asan, tsan, cov or static)
endif

B := build/$(MODE)

# make static sets MODE=static for itself: the libraries come from docker/static/libs.sh, not from the machine.
# No PIE by default: it would relocate OpenSSL at each start, 0.5 ms and 360 KB, also where no TLS is used. STATIC_PIE=1 has it.
HOST_ARCH := $(or $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(shell uname -m))))
ARCH ?= $(HOST_ARCH)
ifeq ($(MODE),static)
B := build/static/$(ARCH)
CC = $(if $(filter arm64,$(ARCH)),aarch64-linux-gnu-gcc,x86_64-linux-gnu-gcc)
PKG_CONFIG = PKG_CONFIG_LIBDIR=$(B)/sysroot/lib/pkgconfig pkg-config --static
HARDENING_LD := $(if $(filter 1,$(STATIC_PIE)),-static-pie,-static) -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--wrap=getaddrinfo -Wl,--wrap=OPENSSL_init_crypto \
	-Wl,--no-warnings
STATIC_OBJ := $(B)/obj/docker/static/names.o
STATIC_TLS_OBJ := $(STATIC_OBJ) $(B)/obj/docker/static/openssl.o
# Other libraries, other headers: everything is made anew.
LIBS_BUILT = $(shell cat $(B)/built/* 2>/dev/null | cksum)
endif
O := $(B)/obj

ALL_CPPFLAGS = -D_GNU_SOURCE -Idaemon $(LIB_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(WARNINGS) $(HARDENING) $(CFLAGS) $(MODE_FLAGS)
ALL_LDFLAGS = $(HARDENING_LD) $(MODE_FLAGS) $(LDFLAGS)
# Only when something is compiled: the libraries may not be installed yet when make deps runs.
ask_pkg_config = $(shell $(PKG_CONFIG) $(1) $(LIBS))$(if $(filter-out 0,$(.SHELLSTATUS)),$(error not all libraries were found, \
	as pkg-config says above; $(if $(filter static,$(MODE)),make static builds,make deps installs) them))
LIB_CFLAGS = $(eval LIB_CFLAGS := $(call ask_pkg_config,--cflags))$(LIB_CFLAGS)
LIB_LIBS = $(eval LIB_LIBS := $(call ask_pkg_config,--libs) -lwslay)$(LIB_LIBS)

LIB_SRC := $(wildcard daemon/base/*.c daemon/core/*.c daemon/loop/*.c daemon/io/*.c daemon/debug/*.c daemon/edge/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o)
PROGRAMS := lambda-runtime-api-daemon echo-runtime $(notdir $(basename $(wildcard daemon/programs/*.c)))
TOOLS := $(notdir $(basename $(wildcard tests/tools/*.c)))
BENCH := $(notdir $(basename $(wildcard tests/bench/*.c)))
UNIT := $(notdir $(basename $(wildcard tests/unit/*_test.c)))
FUZZ := $(notdir $(basename $(wildcard tests/fuzz/*_fuzz.c)))

ifeq ($(V),1)
Q :=
else
Q := @
endif
say = $(if $(Q),@printf '%-4s %s\n' $(1) $@)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all deps deps-test run test check-unit check-fuzz-corpus check-e2e conformance test-static test-containers bench static fuzz lint format layers \
	options install uninstall deb dist clean help FORCE

# What is for users; a manual page for each that has one (daemon/NAME.1.in).
INSTALLED := $(filter-out echo-runtime,$(PROGRAMS))
MANUALS := $(filter $(INSTALLED),$(patsubst daemon/%.1.in,%,$(wildcard daemon/*.1.in)))

all: $(PROGRAMS:%=$(B)/%) $(MANUALS:%=$(B)/%.1) ## build the programs (MODE=release|debug|asan|tsan|cov, WERROR=1, V=1)
ifeq ($(MODE),release)
	@mkdir -p bin
	@for p in $(PROGRAMS); do cp -f $(B)/$$p bin/$$p.new && mv -f bin/$$p.new bin/$$p; done
	@ln -sf lambda-runtime-api-daemon bin/aws-lambda-rie
endif

# --- compiling ---

$(O)/.flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS_BUILT)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS_BUILT)' >$@

$(O)/%.o: %.c $(O)/.flags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

$(O)/daemon/main.o $(PROGRAMS:%=$(O)/daemon/programs/%.o) $(O)/echo-runtime/echo.o: EXTRA = -DVERSION='"$(VERSION)"'

$(O)/daemon/debug/page.o build/fuzz/obj/daemon/debug/page.o: daemon/debug/page.html

$(B)/liblambda.a: $(LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/lambda-runtime-api-daemon: $(O)/daemon/main.o $(STATIC_TLS_OBJ) $(B)/liblambda.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lpthread

$(B)/echo-runtime: $(O)/echo-runtime/echo.o $(STATIC_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(B)/%: $(O)/daemon/programs/%.o $(STATIC_TLS_OBJ) $(B)/liblambda.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lpthread

$(B)/bench/%: $(O)/tests/bench/%.o
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lpthread -lm

$(B)/bench/amqp_%: $(O)/tests/bench/amqp_%.o
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lrabbitmq

# What tests need to talk to a part of the library from outside.
$(B)/tools/%: $(O)/tests/tools/%.o $(B)/liblambda.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lpthread

$(B)/unit/%: $(O)/tests/unit/%.o $(B)/liblambda.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lcmocka -lpthread

# The replay program feeds a corpus to a fuzz target without a fuzzer.
$(B)/fuzz/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(B)/liblambda.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lpthread

FUZZ_FLAGS = -std=c11 $(ALL_CPPFLAGS) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/liblambda.a: $(LIB_SRC:%.c=build/fuzz/obj/%.o)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/liblambda.a
	$(call say,FUZZ)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LIB_LIBS) -lpthread

# The manual page gets its variables from the program itself.
$(MANUALS:%=$(B)/%.1): $(B)/%.1: daemon/%.1.in $(B)/%
	$(call say,MAN)
	$(Q)$(B)/$* --help >$@.help
	$(Q)sed -e '1,/^Environment:/d' -e 's/^  \([A-Z]\)/.It Ev \1/' -e 's/^      //' $@.help >$@.options
	$(Q)sed -e '/@OPTIONS@/{r $@.options' -e 'd;}' $< >$@
	@rm -f $@.help $@.options

-include $(shell find $(O) build/fuzz/obj -name '*.d' 2>/dev/null)

# --- running and testing ---

deps: ## install what is needed to build (Debian, Ubuntu)
	@tests/install-deps.sh build

deps-test: ## install what is needed to test
	@tests/install-deps.sh test

run: deps ## install what is missing, build, start the daemon with the echo runtime
	@$(MAKE) --no-print-directory all
	@printf '\nTry, in another terminal:\n\n    curl -d '\''{"key": "value"}'\'' http://localhost:%s/2015-03-31/functions/function/invocations\n\n' "$${PORT:-8080}"
	@exec bin/lambda-runtime-api-daemon bin/echo-runtime

test: deps-test ## install what is missing, build, run all tests
	@$(MAKE) --no-print-directory all
	@MODE=$(MODE) tests/run.py layers options unit fuzz-corpus e2e conformance-core

unit-programs: $(UNIT:%=$(B)/unit/%)
fuzz-replays: $(FUZZ:%=$(B)/fuzz/%)
bench-programs: $(BENCH:%=$(B)/bench/%)
test-tools: $(TOOLS:%=$(B)/tools/%)
.PHONY: unit-programs fuzz-replays bench-programs test-tools

check-unit: ## unit tests only
	@MODE=$(MODE) tests/run.py unit

check-fuzz-corpus: ## replay the fuzz corpora
	@MODE=$(MODE) tests/run.py fuzz-corpus

check-e2e: all ## black-box tests only
	@MODE=$(MODE) tests/run.py e2e

test-static: ## static executables of both architectures, in foreign roots (as root)
	@MODE=$(MODE) tests/run.py static

test-containers: ## the bind-mounted daemon in real containers (as root; Docker Engine from Debian's packages)
	@MODE=$(MODE) tests/run.py containers

conformance: deps-test all ## all official runtime clients and SDKs
	@tests/install-deps.sh conformance
	@MODE=$(MODE) tests/run.py conformance-core conformance-rest

bench: all bench-programs ## measure beside the floor program; table and build/bench.json
	@$(PYTHON) tests/bench/bench.py --daemon $(B)/lambda-runtime-api-daemon --echo $(B)/echo-runtime \
		--floor $(B)/bench/floor --load $(B)/bench/load --amqp-floor $(B)/bench/amqp_floor \
		--amqp-load $(B)/bench/amqp_load --json build/bench.json \
		$(if $(RIE),--rie $(RIE)) $(if $(GO_DAEMON),--go-daemon $(GO_DAEMON)) $(BENCH_ARGS)

.PHONY: bench-sqs
bench-sqs: deps-test all ## round trips through the SQS bridge beside the bare calls of SQS; build/bench-sqs.json
	@build/venv/bin/python tests/bench/sqs.py --daemon $(B)/lambda-runtime-api-daemon --echo $(B)/echo-runtime \
		--json build/bench-sqs.json $(BENCH_ARGS)

static: ## static executables for any image: bin/static (ARCH=amd64|arm64; not this machine's: bin/static/ARCH)
	$(if $(filter amd64 arm64,$(ARCH)),,$(error ARCH=$(ARCH): expected amd64 or arm64))
	@tests/install-deps.sh static-$(ARCH)
	@docker/static/libs.sh $(ARCH)
	@$(MAKE) --no-print-directory MODE=static ARCH=$(ARCH) static-programs

STATIC_PROGRAMS := $(PROGRAMS) healthcheck
STATIC_DIR := bin/static$(if $(filter-out $(HOST_ARCH),$(ARCH)),/$(ARCH))
# What runs them here: nothing, or an emulator; without one, those of another architecture are not tried.
STATIC_RUNNER = $(if $(filter-out $(HOST_ARCH),$(ARCH)),$(shell command -v qemu-$(if $(filter arm64,$(ARCH)),aarch64,x86_64) || echo :))
.PHONY: static-programs
static-programs: $(STATIC_PROGRAMS:%=$(B)/%) $(B)/probe
	@for p in $(INSTALLED); do $(STATIC_RUNNER) $(B)/$$p --version >/dev/null || \
		{ echo "static: $(B)/$$p does not run; expected its version" >&2; exit 1; }; done
	@mkdir -p $(STATIC_DIR)
	@for p in $(STATIC_PROGRAMS); do $(CC:%gcc=%strip) -o $(STATIC_DIR)/$$p.new $(B)/$$p && mv -f $(STATIC_DIR)/$$p.new $(STATIC_DIR)/$$p; done
	@ln -sf lambda-runtime-api-daemon $(STATIC_DIR)/aws-lambda-rie

$(B)/healthcheck: $(O)/docker/healthcheck.o $(STATIC_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

# For tests: does one thing with each library.
$(B)/probe: $(O)/tests/static/probe.o $(STATIC_TLS_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $$($(PKG_CONFIG) --libs $(LIBS) librabbitmq libcurl openssl zlib) -lwslay

# What is deployed on AWS has to bring everything with it.
.PHONY: proxy-lambda.zip
proxy-lambda.zip: static ## the deployment package of proxy-lambda (ARCH=amd64|arm64)
	@docker/proxy-lambda/zip.py $(STATIC_DIR)/proxy-lambda $@
	@echo "$@: $$(wc -c <$@) bytes, for functions on $(ARCH)"

fuzz: $(FUZZ:%=run-%) ## run every fuzz target for FUZZ_SECONDS, as many at once as make has jobs

.PHONY: $(FUZZ:%=run-%)
$(FUZZ:%=run-%): run-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	@build/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=0 -artifact_prefix=build/fuzz/ \
		build/fuzz/corpus/$* tests/fuzz/corpus/$(*:%_fuzz=%) >build/fuzz/$*.log 2>&1 || { cat build/fuzz/$*.log; exit 1; }
	@echo "fuzz $*: nothing found in $(FUZZ_SECONDS) s"

lint: $(MANUALS:%=$(B)/%.1) ## formatting, shell scripts, static analysis, manual pages
	@tests/lint.sh $^

format: ## format the C sources
	@clang-format-14 -i $$(git ls-files '*.[ch]')

layers: ## check the include layers
	@tests/layers.sh

options: ## check that the README shows every variable
	@tests/options.sh

COMPLETIONS := $(PREFIX)/share/bash-completion/completions
# Beside the programs, the names that others know them by.
COMPLETED := aws-lambda-rie emulambda $(filter-out lambda-runtime-api-daemon,$(INSTALLED))

install: all ## install under PREFIX (DESTDIR is honoured)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(COMPLETIONS)
	install -m 755 $(INSTALLED:%=$(B)/%) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(MANUALS:%=$(B)/%.1) $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 docker/packages/completion.bash $(DESTDIR)$(COMPLETIONS)/lambda-runtime-api-daemon
	for p in $(COMPLETED); do \
		ln -sf lambda-runtime-api-daemon $(DESTDIR)$(COMPLETIONS)/$$p; \
	done

uninstall: ## remove what install put there
	rm -f $(INSTALLED:%=$(DESTDIR)$(PREFIX)/bin/%) $(MANUALS:%=$(DESTDIR)$(PREFIX)/share/man/man1/%.1) \
		$(COMPLETED:%=$(DESTDIR)$(COMPLETIONS)/%) $(DESTDIR)$(COMPLETIONS)/lambda-runtime-api-daemon

deb: ## the Debian package, checked by lintian: build/deb
	@tests/install-deps.sh deb
	@docker/packages/deb.sh $(VERSION)

dist: ## tarballs of the static executables of each architecture, with checksums: build/dist
	@$(MAKE) --no-print-directory static ARCH=amd64
	@$(MAKE) --no-print-directory static ARCH=arm64
	@$(MAKE) --no-print-directory all
	@docker/packages/dist.sh $(VERSION) $(HOST_ARCH)

clean: ## remove everything built
	rm -rf build bin proxy-lambda.zip

help: ## this list
	@sed -n 's/^\([a-z0-9.-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='	' read -r t h; do printf '  %-18s %s\n' "$$t" "$$h"; done

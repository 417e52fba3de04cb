# auth0-m2m: `make help` lists the targets.
#
# Variables
#   BUILD=dir        where everything is built (default build/...)
#   CC=clang         another compiler
#   DEBUG=1          no optimization
#   NGINX_SRC=dir    build nginx and the module from an upstream source tree
#   SAN=1            nginx and the module with AddressSanitizer and UBSan
#   VALGRIND=1       tests of t/valgrind.list under valgrind
#   TESTS="t/a.t"    only these tests (`test`, `matrix`, `soak`)
#   CACHE=off        tests with `auth0_m2m_token_cache off`
#   T=jwt TIME=60    `fuzz`: this target only; seconds for each
#   N=1000000        `diff`: how many tokens and key sets
#   SUITES="sid"     `matrix`: these Debian suites
#   JOBS=2           at once

SHELL := /bin/bash
JOBS  ?= 2

ifeq ($(origin CC),default)
CC := gcc
endif

MAKEOVERRIDES :=

# Where things are.

ifneq ($(NGINX_SRC),)
override NGINX_SRC := $(abspath $(NGINX_SRC))
endif

FLAVOUR := $(if $(SAN),/san,$(if $(VALGRIND),/valgrind,\
             $(if $(NGINX_SRC),/$(notdir $(NGINX_SRC)))))
BUILD   ?= build$(strip $(FLAVOUR))

# neither make nor nginx's configure has a way to quote a path

ifneq ($(words $(CURDIR)) $(words $(BUILD)),1 1)
$(error Not to be built in, for a space or no name at all: "$(CURDIR)", "$(BUILD)")
endif

override BUILD := $(abspath $(BUILD))

TREE     := $(BUILD)/nginx
MODULE   := $(BUILD)/ngx_http_auth0_m2m_module.so
OWN      := $(NGINX_SRC)$(SAN)$(VALGRIND)
SOURCE   := $(if $(NGINX_SRC),$(NGINX_SRC),\
              $(if $(OWN),$(abspath build/nginx-source)))

# The tests' configurations hold paths of temporary files without quotes.

ifneq ($(filter-out 0 1,$(words $(TMPDIR))),)
export TMPDIR := /tmp
endif

# A user's PATH lacks what is an administrator's: syslog-ng, nginx.

export PATH := $(PATH):/usr/sbin:/sbin

export CC DEBUG SAN VALGRIND CFLAGS LDFLAGS JOBS TESTS BUILD
export NGINX_SRC := $(strip $(SOURCE))

# What the tests read.

export TEST_NGINX_BINARY := $(if $(OWN),$(TREE)/objs/nginx,/usr/sbin/nginx)
export TEST_NGINX_MODULE := $(if $(SAN)$(VALGRIND),static,$(MODULE))
export TEST_NGINX_VALGRIND := $(VALGRIND)
export TEST_NGINX_SLOW := $(if $(VALGRIND),10,$(if $(SAN),3,1))
export TEST_TOKEN_CACHE := $(or $(CACHE),on)
export TEST_KEY_DIR := $(abspath build/keys)

step = @printf '== %s\n' '$(1)'


.PHONY: help deps build lint unit test fuzz diff cover soak reliability demo \
        install deb matrix matrix-row clean FORCE
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14
	@sed -n '/^# Variables/,/^$$/s/^# *//p' Makefile | \
	    sed '1!s/^/  /'

deps: ## install the Debian packages that build and test need
	$(call step,deps)
	@t/bin/deps build test ship metrics browser package lintian root \
	    $(if $(OWN),source) $(if $(VALGRIND),valgrind)

build: $(MODULE) ## build the module (BUILD/ngx_http_auth0_m2m_module.so)

lint: ## warnings of two compilers, analyzers, layer and style rules
	$(call step,lint)
	@t/bin/deps build test lint
	@$(MAKE) --no-print-directory $(TREE)/objs/Makefile
	@t/lint.sh

unit: unit-build ## the core's unit tests, with sanitizers
	$(call step,unit)
	@prove -j$(JOBS) $(UNITS)

test: ## deps, build, then all tests
	@$(MAKE) --no-print-directory deps
	$(call step,build)
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory -j$(JOBS) unit-build fuzz-build
	$(call step,test)
	@prove -j$(JOBS) -It/lib $(or $(TESTS),$(ALL_TESTS))

fuzz: ## libFuzzer on one target (T=jwt) or all, TIME=60 seconds each
	@t/bin/deps build lint test
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZERS)
	@t/fuzz/fuzz $(FUZZ_DIR) $(or $(TIME),60) $(or $(T),$(FUZZ_NAMES))

diff: ## N=1000000 tokens and key sets, against three other libraries
	@t/bin/deps build test
	@$(MAKE) --no-print-directory -j$(JOBS) fuzz-build
	@DIFF_N=$(or $(N),1000000) prove -v -It/lib t/diff.t

cover: ## line coverage of src/core by units and fuzz corpora, of src by t/
	@t/bin/deps build test cover
	@t/bin/cover $(COVER)

soak: build ## the long form of t/soak_*.t and t/torture.t (SOAK_SECONDS=600)
	@t/bin/deps build test
	@SOAK_SECONDS=$(or $(SOAK_SECONDS),600) SOAK_TOKENS=1000000 \
	    SOAK_RELOADS=1000 TORTURE_MOST=2000 \
	    prove -v -It/lib $(or $(TESTS),$(wildcard t/soak_*.t) t/torture.t)

reliability: build fuzz-build ## run what has figures (or LONG="lint san")
	@t/bin/deps build test
	@t/bin/reliability $(BUILD)/reliability docs/RELIABILITY.md $(LONG)

bench: ## costs beside bare nginx, into docs/PERFORMANCE.md; BENCH=--short
	@t/bin/deps build test bench
	@$(MAKE) --no-print-directory build $(BENCHES)
	@t/bench/run --bin $(BENCH_DIR) --write docs/PERFORMANCE.md $(BENCH)

demo: ## a tenant, nginx, a token, and the answers; prints each step
	$(call step,deps)
	@t/bin/deps build demo
	$(call step,build)
	@$(MAKE) --no-print-directory build
	@t/bin/demo

install: build ## install the module (DESTDIR honoured)
	@t/bin/install-module $(MODULE)

deb: ## build/deb/*.deb, the package for Debian 12
	@t/bin/deps build package
	@$(MAKE) --no-print-directory $(DEB)/built
	@ls $(DEB)/*.deb

matrix: ## the tests with the nginx and libjwt of SUITES of Debian
	@t/bin/deps root
	@t/bin/matrix $(abspath build)/matrix $(or $(SUITES),bookworm trixie sid)

clean: ## remove what was built
	rm -rf build
	$(if $(wildcard $(BUILD)/params),rm -rf $(BUILD))


# The module.  The nginx tree is configured again when parameters, the list
# of sources or the nginx headers change; nginx's own make does the rest.

DEV    := $(shell dpkg-query -W -f='$${Version}' nginx-dev 2>/dev/null)
PARAMS := $(CC)|$(CFLAGS)|$(LDFLAGS)|$(DEBUG)|$(SAN)|$(VALGRIND)|
PARAMS := $(PARAMS)$(NGINX_SRC)|$(DEV)

$(BUILD)/params: FORCE
	@mkdir -p $(BUILD)
	@echo '$(PARAMS)' | cmp -s - $@ || echo '$(PARAMS)' > $@

$(TREE)/objs/Makefile: $(BUILD)/params config t/bin/nginx-tree
	@$(if $(NGINX_SRC),,test -e /usr/share/nginx/src/conf_flags || \
	    { echo 'nginx-dev is missing: make deps'; exit 1; })
	@$(if $(SAN)$(VALGRIND),t/bin/nginx-source $(NGINX_SRC))
	@t/bin/nginx-tree $(TREE)

ifneq ($(SAN)$(VALGRIND),)
$(MODULE): $(TREE)/objs/Makefile FORCE
	@$(MAKE) --no-print-directory -s -j$(JOBS) -C $(TREE) -f objs/Makefile
else
$(MODULE): $(TREE)/objs/Makefile FORCE
	@$(MAKE) --no-print-directory -s -j$(JOBS) -C $(TREE) -f objs/Makefile \
	    $(if $(NGINX_SRC),,modules)
	@cmp -s $(TREE)/objs/$(@F) $@ || cp $(TREE)/objs/$(@F) $@
endif


# The package, and the tests of a row of the matrix.

DEB          := $(abspath build)/deb
DEB_SOURCES  := LICENSE README.md config t/bin/deb \
                $(shell find conf-examples debian docs src -type f \
                    -not -path '*/node_modules/*')
MATRIX_TESTS := $(filter-out $(wildcard $(shell sed 's/\#.*//' \
                    t/matrix.skip)),$(wildcard t/*.t))

$(DEB)/built: $(DEB_SOURCES)
	@t/bin/deb $(DEB)
	@touch $@

matrix-row: build unit-build
	@prove -j$(JOBS) -It/lib $(or $(TESTS),$(sort $(MATRIX_TESTS)) $(UNITS))


# Unit tests: the core alone, without nginx's headers, one program per
# t/unit/test_*.c.

UNIT_DIR    := $(BUILD)/unit
UNIT_SRCS   := $(wildcard t/unit/test_*.c)
CORE_SRCS   := $(wildcard src/core/*.c)
UNITS       := $(UNIT_SRCS:t/unit/%.c=$(UNIT_DIR)/%)
CORE_OBJS   := $(CORE_SRCS:src/core/%.c=$(UNIT_DIR)/%.o)
UNIT_CFLAGS := -std=c11 -g -O1 -Wall -Wextra -Werror -MMD \
               -fno-omit-frame-pointer \
               -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_LIBS   := -ljwt -ljansson -lcrypto

ifneq ($(VALGRIND),)
ALL_TESTS := $(shell sed 's/\#.*//' t/valgrind.list)
else
ALL_TESTS := $(sort $(wildcard t/*.t)) $(UNITS)
endif

# What the benchmark runs beside nginx; optimized as Debian's nginx is.

.PHONY: bench

BENCH_DIR    := $(BUILD)/bench
BENCHES      := $(BENCH_DIR)/mint $(BENCH_DIR)/core
BENCH_CFLAGS := -O2 -g -Wall -Wextra -Werror -std=c11 \
                -D_POSIX_C_SOURCE=200809L -Isrc/core

$(BENCH_DIR)/mint: t/bench/mint.c
	@mkdir -p $(@D)
	@$(CC) $(BENCH_CFLAGS) -o $@ $^ -lcrypto

$(BENCH_DIR)/core: t/bench/core.c $(CORE_SRCS) $(wildcard src/core/*.h)
	@mkdir -p $(@D)
	@$(CC) $(BENCH_CFLAGS) -o $@ $(filter %.c,$^) $(UNIT_LIBS)

.PHONY: unit-build
.SECONDARY: $(CORE_OBJS) $(UNITS:=.o)

unit-build: $(UNITS)

$(UNIT_DIR)/core.a: $(CORE_OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(UNITS): %: %.o $(UNIT_DIR)/core.a
	@$(CC) $(UNIT_CFLAGS) -o $@ $^ $(UNIT_LIBS)

$(UNIT_DIR)/test_%.o: t/unit/test_%.c $(BUILD)/params | $(UNIT_DIR)
	@$(CC) $(UNIT_CFLAGS) -D_POSIX_C_SOURCE=200809L -Isrc/core \
	    -DUNIT_DATA='"$(CURDIR)/t/unit/data"' -c -o $@ $<

$(UNIT_DIR)/%.o: src/core/%.c $(BUILD)/params | $(UNIT_DIR)
	@$(CC) $(UNIT_CFLAGS) -c -o $@ $<

$(UNIT_DIR):
	@mkdir -p $@

-include $(wildcard $(UNIT_DIR)/*.d)


# Fuzz targets, one per t/fuzz/fuzz_*.c: with a main() of our own, and under
# libFuzzer; and the programs of the differential test.

FUZZ_DIR    := $(BUILD)/fuzz
FUZZ_NAMES  := $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))
FUZZ_PROGS  := $(FUZZ_NAMES:%=$(FUZZ_DIR)/%)
FUZZERS     := $(FUZZ_NAMES:%=$(FUZZ_DIR)/libfuzzer/%)
FUZZ_OBJS   := $(CORE_SRCS:src/core/%.c=$(FUZZ_DIR)/libfuzzer/%.o)
FUZZ_HDRS   := $(wildcard t/fuzz/*.h t/unit/*.h)
FUZZ_CFLAGS := $(filter-out -MMD,$(UNIT_CFLAGS)) -D_POSIX_C_SOURCE=200809L -Isrc/core -It/unit
DIFF_PROGS  := $(FUZZ_DIR)/diff-core $(FUZZ_DIR)/diff-libjwt

.PHONY: fuzz-build
.SECONDARY: $(FUZZ_OBJS)

fuzz-build: $(FUZZ_PROGS) $(DIFF_PROGS)

$(FUZZ_PROGS): $(FUZZ_DIR)/%: t/fuzz/fuzz_%.c t/fuzz/replay.c $(FUZZ_HDRS) \
        $(UNIT_DIR)/core.a | $(FUZZ_DIR)
	@$(CC) $(FUZZ_CFLAGS) -o $@ $(filter-out %.h,$^) $(UNIT_LIBS)

$(FUZZ_DIR)/diff-core: t/diff/core.c t/diff/hex.h $(UNIT_DIR)/core.a | $(FUZZ_DIR)
	@$(CC) $(FUZZ_CFLAGS) -o $@ $(filter-out %.h,$^) $(UNIT_LIBS)

$(FUZZ_DIR)/diff-libjwt: t/diff/libjwt.c t/diff/hex.h | $(FUZZ_DIR)
	@$(CC) -std=c11 -O2 -Wall -Wextra -Werror -o $@ $< $(UNIT_LIBS)

$(FUZZERS): $(FUZZ_DIR)/libfuzzer/%: t/fuzz/fuzz_%.c t/fuzz/libfuzzer.c \
        $(FUZZ_HDRS) $(FUZZ_OBJS)
	@clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $(filter-out %.h,$^) \
	    $(UNIT_LIBS)

$(FUZZ_DIR)/libfuzzer/%.o: src/core/%.c $(BUILD)/params | $(FUZZ_DIR)
	@clang $(UNIT_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ_DIR):
	@mkdir -p $@/libfuzzer

-include $(wildcard $(FUZZ_DIR)/libfuzzer/*.d)

# sonde. `make` builds ./sonde; `make static` ./sonde-static; `make check` runs every test; `make demo` shows it at work.
#
# BUILD=dir    where objects go (default build); CC=gcc|clang; CFLAGS, LDFLAGS as usual
# SANITIZE=1   address and undefined-behaviour sanitizers (what `make check-asan` uses, in build-asan)
# PREFIX, DESTDIR for `make install`

ifeq ($(origin CC),default)
CC        = gcc
endif
BUILD    ?= build
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
WARN      = -Wall -Wextra -Wshadow -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wno-unused-parameter
SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ifdef SANITIZE
CFLAGS   := -O1 -g $(SAN_FLAGS)
endif
CPPFLAGS += -D_GNU_SOURCE -Isrc -Iinclude -I$(BUILD)/gen
ALL_CFLAGS = -std=gnu17 $(WARN) $(CFLAGS) $(CPPFLAGS) -ffunction-sections -fdata-sections
LIBS      = -lbpf -lelf -liberty -lz
# libdw is loaded when needed (sym/dw.c); the static program has it linked in. Newer elfutils want zstd beneath it; pkg-config knows.
STATIC_LIBS = -lbpf -ldw -lelf -liberty -llzma -lbz2 $(filter -lzstd,$(shell pkg-config --static --libs libdw libelf 2>/dev/null)) -lz -lpthread

SRC      := $(sort $(wildcard src/*/*.c))
OBJ      := $(SRC:%.c=$(BUILD)/%.o)
# What the static program has in another form.
STATIC_SRC = src/sym/dw.c src/sym/xz.c src/sym/fetch.c
STATIC_OBJ = $(filter-out $(STATIC_SRC:%.c=$(BUILD)/%.o),$(OBJ)) $(STATIC_SRC:%.c=$(BUILD)/static/%.o)
DEB_DEPS  = gcc make pkg-config libc6-dev libbpf-dev libelf-dev libdw-dev libiberty-dev liblzma-dev libbz2-dev zlib1g-dev
DEB_TEST  = jq binutils coreutils util-linux xz-utils e2fsprogs iproute2 bsdutils mariadb-server
DEB_VM    = qemu-system-x86 busybox-static cpio kmod xz-utils e2fsprogs xfsprogs btrfs-progs iproute2 procps bpftool

all: sonde

# The program itself lies in $(BUILD), so that sanitised and plain builds do not tread on each other.
sonde: $(BUILD)/sonde
	cp -f $< $@

$(BUILD)/sonde: $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--gc-sections -o $@ $(OBJ) $(LIBS)

static: sonde-static

sonde-static: $(STATIC_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -static -Wl,--gc-sections -o $@ $(STATIC_OBJ) $(STATIC_LIBS)
	strip $@

# Everything but main(), for the test drivers of test/*/.
LIB_OBJ  := $(filter-out $(BUILD)/src/cli/main.o,$(OBJ))
$(BUILD)/libsonde.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $(LIB_OBJ)

# Objects follow the flags: a changed compiler or CFLAGS rebuilds them.
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/static/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DSONDE_STATIC -MMD -MP -c -o $@ $<

# The script of a picture becomes a C string: without its comments and indentation.
$(BUILD)/src/out/flame.o: $(BUILD)/gen/out/flame.inc
$(BUILD)/gen/%.inc: src/%.js
	@mkdir -p $(@D)
	sed -e 's/^[[:space:]]*//' -e '/^\/\//d' -e '/^$$/d' -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $< >$@

# The tools lie in the program as they are.
TOOLS    := $(sort $(wildcard lib/*.sonde tools/*/*.sonde))
$(BUILD)/src/run/tool.o: $(BUILD)/gen/run/tools.inc
$(BUILD)/gen/run/tools.inc: scripts/embed $(TOOLS) $(BUILD)/toollist
	@mkdir -p $(@D)
	sh scripts/embed $(TOOLS) >$@.new
	mv $@.new $@
$(BUILD)/toollist: FORCE
	@mkdir -p $(BUILD)
	@echo '$(TOOLS)' | cmp -s - $@ || echo '$(TOOLS)' >$@

$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@

# Missing Debian packages are installed (root only); everywhere else this only says what is missing.
deps:
	@sh scripts/deps $(DEB_DEPS) -- $(DEB_TEST)

demo:
	@sh scripts/deps $(DEB_DEPS) --
	@$(MAKE) --no-print-directory sonde
	@SONDE=./sonde sh scripts/demo

# --- tests: each suite is a folder of test/ with a `run` script; test/run runs them and sums up.
check: sonde $(BUILD)/libsonde.a asan layers-build deps-vm
	@SONDE=$(CURDIR)/sonde SONDE_ASAN=$(CURDIR)/build-asan/sonde BUILD=$(CURDIR)/$(BUILD) CC='$(CC)' sh test/run

asan:
	$(MAKE) BUILD=build-asan SANITIZE=1 build-asan/sonde build-asan/libsonde.a

# The suites that need no kernel, with the sanitised program only.
check-asan: asan
	@SONDE=$(CURDIR)/build-asan/sonde SONDE_ASAN=$(CURDIR)/build-asan/sonde BUILD=$(CURDIR)/build-asan CC='$(CC)' \
		sh test/run layers unit parse sema ir bpf lower kern probe out flame exec fuzz

fuzz: asan
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} SONDE=$(CURDIR)/build-asan/sonde SONDE_ASAN=$(CURDIR)/build-asan/sonde \
		BUILD=$(CURDIR)/build-asan CC='$(CC)' sh test/run fuzz

# Debian's kernels in a box: test/live and test/vm/tests on each kernel of test/vm/kernels.tsv.
check-vm: sonde $(BUILD)/libsonde.a deps-vm
	@SONDE=$(CURDIR)/sonde BUILD=$(abspath $(BUILD)) CC='$(CC)' sh test/run vm

deps-vm:
	@sh scripts/deps -- $(DEB_VM)

layers-build: $(OBJ)

layers: $(OBJ)
	@BUILD=$(BUILD) sh test/layers/run

bench: sonde static $(BUILD)/libsonde.a
	@BUILD=$(abspath $(BUILD)) SONDE=$(CURDIR)/sonde SONDE_STATIC=$(CURDIR)/sonde-static CC='$(CC)' sh bench/run

# No warning from the other compiler. `make format-check` shows where clang-format would lay lines out differently: advice, not a rule.
tidy:
	$(MAKE) BUILD=build-clang CC=clang CFLAGS='-O2 -g -Werror' build-clang/sonde

format-check:
	@command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 1; }
	clang-format --dry-run --Werror $(SRC) $(wildcard src/*/*.h)

# With it: a manual page and a link for each tool (LINKS=no: no links, where the names are taken), completions for bash and zsh.
LINKS    ?= yes
install: sonde
	install -D -m 755 sonde $(DESTDIR)$(PREFIX)/bin/sonde
	@sh scripts/install ./sonde "$(DESTDIR)$(PREFIX)" $(LINKS)

clean:
	rm -rf build build-asan build-clang $(BUILD) sonde sonde-static

-include $(OBJ:.o=.d) $(STATIC_SRC:%.c=$(BUILD)/static/%.d)
.PHONY: all static deps deps-vm demo check check-vm asan check-asan fuzz layers-build layers bench tidy format-check install clean FORCE

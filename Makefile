# idinit
#
#   make            build/idinit/core.so, for LuaJIT or the Lua that LUA names
#   make install    under PREFIX (/usr/local); make uninstall takes it away
#   make demo       what idinit does, from nothing on a fresh machine
#   make test       every spec under every Lua; SPEC= and LUAS= choose among them
#   make hosts      the programs that embed Lua, with idinit inside
#   make windows    build/windows/<lua>/idinit/core.dll, by MinGW
#   make lint | asan | valgrind | fuzz | exhaust | bench | clean
#   make gcstress   the specs with a collection every few instructions
#   make mutate     breaks the sources in one place after another, and the specs
#                   have to notice; MUTATE= names files or FILE:LINE
#   make coverage   the lines that no spec runs
#   make help       this
#
# Demo and the targets below it install what they need where apt-get is to be
# had, and say so.

# ---- Settings, named as LuaRocks names them

# LuaJIT is a Lua 5.1; of another version, lua5.2 and so on is meant.
LUA = $(if $(filter command,$(origin LUA_VERSION)),$(if \
  $(filter-out 5.1,$(LUA_VERSION)),lua$(LUA_VERSION),luajit),luajit)
LUA_VERSION = $(or $(shell $(LUA) -e 'print(_VERSION:match("%d.%d"))' \
  2>/dev/null),5.1)
LUA_INCDIR = $(call headers,$(patsubst lua,lua$(LUA_VERSION),$(notdir $(LUA))))

CC = cc
CFLAGS = -O2
LIBFLAG = $(if $(filter Darwin,$(shell uname)),\
  -bundle -undefined dynamic_lookup,-shared)

PREFIX = /usr/local
LUADIR = $(PREFIX)/share/lua/$(LUA_VERSION)
LIBDIR = $(PREFIX)/lib/lua/$(LUA_VERSION)

# ---- Build and install

SOURCES = $(wildcard src/*.c)
MODULES = $(wildcard lua/idinit/*.lua lua/idinit/*/*.lua)
C99 = -std=c99 -fPIC -fvisibility=hidden

# The folder of the headers of luajit, lua5.1, ..., lua5.5: where systems keep
# them, else beside the program.
headers = $(firstword \
  $(patsubst -I%,%,$(shell pkg-config --cflags-only-I $(1) 2>/dev/null)) \
  $(patsubst %/lua.h,%,$(wildcard \
    $(addsuffix /include/$(1)*/lua.h,$(roots)) $(addsuffix /include/lua.h,$(roots)))))
roots = /usr /usr/local /opt/homebrew /opt/local \
  $(patsubst %/bin/,%,$(dir $(shell command -v $(1)) $(shell command -v $(LUA))))

# $(call build,folder of headers,Lua,its version)
define build =
	@$(call found,$(1),$(3)) || { \
	  echo "idinit: no headers of Lua $(3) (lua.h and others) for $(2): install them,"\
	  "or name their folder in LUA_INCDIR" >&2; exit 1; }
	$(CC) $(C99) $(CFLAGS) $(addprefix -I,$(1)) $(LIBFLAG) -o $@ $(SOURCES) -lm
endef

# Whether there are headers in a folder, and of a version.
define found
printf '#include <lauxlib.h>\n#if LUA_VERSION_NUM != %s\n#error\n#endif\n' \
	  $(subst .,0,$(2)) | $(CC) $(addprefix -I,$(1)) -E - > /dev/null 2>&1
endef
version = $(patsubst lua%,%,$(subst luajit,lua5.1,$(1)))

headers-%:
	@$(call found,$(call headers,$*),$(call version,$*))

build/idinit/core.so: $(SOURCES) $(wildcard src/*.h) build/idinit/settings
	$(call build,$(LUA_INCDIR),$(LUA),$(LUA_VERSION))

# One for each Lua, side by side: build/lua5.4/idinit/core.so.
build/%/idinit/core.so: $(SOURCES) $(wildcard src/*.h) build/%/idinit/settings
	$(call build,$(call headers,$(notdir $*)),$(notdir $*),$(call \
	  version,$(notdir $*)))

# Changes when a setting does, so that the next build heeds it.
SETTINGS = $(CC) $(CFLAGS) $(LUA_INCDIR) $(LIBFLAG)
.PRECIOUS: %/settings
%/settings: FORCE
	@mkdir -p $(@D)
	@echo '$(SETTINGS)' | cmp -s - $@ || echo '$(SETTINGS)' > $@

# Folders reach the shell by the environment, so that they may have any name.
install uninstall: export TO_LUA = $(DESTDIR)$(LUADIR)/idinit
install uninstall: export TO_LIB = $(DESTDIR)$(LIBDIR)/idinit

# Modules that earlier versions installed where others are found before them.
EARLIER = $(filter-out $(MODULES:lua/idinit/%=%),\
  explain.lua keywords.lua layers.lua settings.lua)

install: build/idinit/core.so
	install -d "$$TO_LUA/layers" "$$TO_LIB"
	install -m 644 $(wildcard lua/idinit/*.lua) "$$TO_LUA"
	install -m 644 $(wildcard lua/idinit/layers/*.lua) "$$TO_LUA/layers"
	install -m 755 build/idinit/core.so "$$TO_LIB"
	cd "$$TO_LUA" && rm -f $(EARLIER)

uninstall:
	for file in $(MODULES:lua/idinit/%=%) $(EARLIER); do rm -f "$$TO_LUA/$$file"; done
	rm -f "$$TO_LIB/core.so"
	rmdir "$$TO_LUA/layers" "$$TO_LUA" "$$TO_LIB" 2> /dev/null || true

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

# The second line is what `luarocks make` leaves behind.
clean:
	rm -rf build
	rm -rf idinit src/*.o *.rock

# ---- Run

demo:
	@spec/tools/need cc luajit luajit-dev
	@$(MAKE) --no-print-directory LUA=luajit build/luajit/idinit/core.so
	@spec/tools/lua luajit spec/demo.lua

# luajit-joff and luajit-noffi are LuaJIT without its compiler and without its
# FFI. Lua 5.5, which Debian does not have, counts where it is installed.
LUAS = luajit luajit-joff luajit-noffi lua5.1 lua5.2 lua5.3 lua5.4 $(notdir \
  $(shell command -v lua5.5))
SPEC = spec
KINDS = $(sort $(foreach lua,$(LUAS),$(firstword $(subst -, ,$(lua)))))

test:
	@spec/tools/need cc pkg-config $(KINDS) $(KINDS:%=%-dev) busted luarocks numpy blas
	@$(MAKE) --no-print-directory $(KINDS:%=build/%/idinit/core.so)
	@spec/tools/test '$(SPEC)' $(LUAS)

# HOSTS chooses among the scripts in spec/hosts.
hosts:
	@spec/hosts/run $(HOSTS)

# ---- Windows

MINGW = x86_64-w64-mingw32-

windows:
	@spec/tools/need mingw $(KINDS:%=%-dev)
	@$(MAKE) --no-print-directory $(KINDS:%=build/windows/%/idinit/core.dll)

# The Lua that loads the module brings lua51.dll, ..., lua54.dll. All that is
# needed here is which functions they have.
build/windows/%/idinit/core.dll: $(SOURCES) $(wildcard src/*.h)
	@mkdir -p $(@D)
	@echo LIBRARY $(subst .,,$(subst luajit,lua5.1,$*)).dll > $(@D)/lua.def
	@echo EXPORTS >> $(@D)/lua.def
	@echo '#include <lauxlib.h>' | $(MINGW)gcc -E -I$(call headers,$*) - | \
	  sed -n 's/.*(\(luaL*_[a-zA-Z]*\)) *(.*/\1/p' | sort -u >> $(@D)/lua.def
	@$(MINGW)dlltool -d $(@D)/lua.def -l $(@D)/lua.a
	$(MINGW)gcc -std=c99 -fvisibility=hidden -O2 $(WARNINGS) \
	  -isystem $(call headers,$*) -shared -o $@ $(SOURCES) $(@D)/lua.a

# ---- Check

# LPeg's list, but for what is of C90 and C++, and -Wconversion.
WARNINGS = -Wall -Wextra -pedantic -Waggregate-return -Wcast-align -Wcast-qual \
  -Wconversion -Wdisabled-optimization -Wmissing-declarations \
  -Wmissing-prototypes -Wnested-externs -Wpointer-arith -Wredundant-decls \
  -Wshadow -Wsign-compare -Wstrict-prototypes -Wundef -Wwrite-strings -Werror

lint:
	@spec/tools/need cc gcc clang clang-format clang-tidy luacheck luarocks \
	  $(KINDS:%=%-dev)
	luacheck --quiet --no-color lua spec rockspec/*.rockspec .luacheckrc .busted
	luarocks lint rockspec/idinit-scm-1.rockspec
	clang-format --dry-run -Werror src/*.[ch] $(wildcard spec/*/*.[ch])
	@mkdir -p build
	$(foreach cc,gcc clang,$(foreach lua,$(KINDS),$(call warn,$(cc),$(lua))))
	clang-tidy --quiet src/*.c -- -std=c99 -isystem $(call headers,luajit)

define warn =

	$(1) $(C99) -O2 $(WARNINGS) -isystem $(call headers,$(2)) -shared \
	  -o build/lint.so $(SOURCES)
endef

# Specs tagged #native measure or limit the process itself: nothing that a
# sanitizer or valgrind leaves as it is.
UNDER = IDINIT_BUSTED=--exclude-tags=once,native IDINIT_UNDER

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
  -fno-sanitize-recover=all

asan: LUAS = luajit luajit-joff lua5.4
asan:
	@spec/tools/need gcc cc $(KINDS) $(KINDS:%=%-dev) busted
	@$(MAKE) --no-print-directory CC=gcc CFLAGS='$(SANITIZE)' \
	  $(KINDS:%=build/asan/%/idinit/core.so)
	@IDINIT_BUILD=build/asan $(UNDER)='"$$top/spec/tools/asan"' \
	  spec/tools/test '$(SPEC)' $(LUAS)

gcstress: LUAS = luajit-joff lua5.4
gcstress:
	@spec/tools/need cc $(KINDS) $(KINDS:%=%-dev) busted
	@$(MAKE) --no-print-directory $(KINDS:%=build/%/idinit/core.so)
	@IDINIT_GCSTRESS=30000 IDINIT_BUSTED=--exclude-tags=once,native \
	  spec/tools/test '$(SPEC)' $(LUAS)

VALGRIND = valgrind -q --error-exitcode=9 --leak-check=full \
  --keep-debuginfo=yes --suppressions="$$top/spec/tools/valgrind.supp"

valgrind: LUAS = luajit-joff lua5.4
valgrind:
	@spec/tools/need cc valgrind $(KINDS) $(KINDS:%=%-dev) busted
	@$(MAKE) --no-print-directory CFLAGS='-O1 -g' \
	  $(KINDS:%=build/valgrind/%/idinit/core.so)
	@IDINIT_BUILD=build/valgrind $(UNDER)='$(VALGRIND)' \
	  spec/tools/test '$(SPEC)' $(LUAS)

# Each fuzzer runs FUZZ_SECONDS: libFuzzer's on the sources that know no Lua, and
# scripts on the whole, under LUAS, which share them.
FUZZ_SECONDS = 60
FUZZERS = $(patsubst spec/%.c,build/%,$(wildcard spec/fuzz/*.c)) \
  $(wildcard spec/fuzz/*.lua)
# Bindings to Lua end in lib; these few are what they share.
PURE = $(filter-out %lib.c $(addprefix src/,args.c core.c keywords.c storage.c\
  tensor.c transfer.c),$(SOURCES))

build/fuzz/%: spec/fuzz/%.c $(PURE) $(wildcard src/*.h spec/fuzz/*.h)
	@mkdir -p $(@D)
	clang -std=c99 -fsanitize=fuzzer $(SANITIZE) -Isrc -o $@ $(filter %.c,$^) -lm

fuzz: LUAS = luajit lua5.4
fuzz:
	@spec/tools/need cc gcc fuzzer $(KINDS) $(KINDS:%=%-dev)
	@$(MAKE) --no-print-directory $(filter build/%,$(FUZZERS))
	@$(MAKE) --no-print-directory CC=gcc CFLAGS='$(SANITIZE)' \
	  $(KINDS:%=build/asan/%/idinit/core.so)
	@spec/tools/fuzz $(FUZZ_SECONDS) '$(LUAS)' $(FUZZERS)

# Every small identity, in half a minute.
build/exhaust/%: spec/exhaust/%.c spec/fuzz/identity.h $(PURE) $(wildcard src/*.h)
	@mkdir -p $(@D)
	gcc -std=c99 -O2 -fsanitize=undefined -fno-sanitize-recover=all -Isrc -o $@ \
	  $(filter %.c,$^) -lm

exhaust:
	@spec/tools/need gcc
	@$(MAKE) --no-print-directory build/exhaust/taps
	build/exhaust/taps

MUTATE = src/args.c src/keywords.c src/taps.c src/tapslib.c

mutate:
	@spec/tools/need cc gcc luajit luajit-dev lua5.4 lua5.4-dev busted
	@luajit spec/tools/mutate.lua '$(CC) $(C99) -O2 -I$(call headers,luajit)' \
	  'gcc $(C99) $(SANITIZE) -I$(call headers,lua5.4)' $(MUTATE)

coverage: LUAS = lua5.4 luajit-joff luajit
coverage:
	@spec/tools/need cc gcc lua5.4 $(KINDS) $(KINDS:%=%-dev) busted
	@$(MAKE) --no-print-directory CC=gcc CFLAGS='-O0 --coverage' \
	  $(KINDS:%=build/coverage/%/idinit/core.so)
	@$(MAKE) --no-print-directory $(KINDS:%=build/coverage/%/lines.so)
	@spec/tools/coverage '$(SPEC)' $(LUAS)

build/coverage/%/lines.so: spec/tools/lines.c
	$(CC) $(C99) -fvisibility=default $(CFLAGS) -I$(call headers,$*) \
	  $(LIBFLAG) -o $@ $<

build/%/limits.so: spec/bench/limits.c build/%/idinit/core.so
	$(CC) $(C99) $(CFLAGS) $(addprefix -I,$(call headers,$(notdir $*))) \
	  $(LIBFLAG) -fvisibility=default -o $@ $<

bench: KINDS = luajit lua5.4
bench:
	@spec/tools/need cc $(KINDS) $(KINDS:%=%-dev)
	@$(MAKE) --no-print-directory $(KINDS:%=build/%/limits.so)
	@spec/tools/lua luajit spec/bench/run.lua

.PHONY: install uninstall help clean demo test hosts windows lint asan valgrind \
  gcstress fuzz exhaust mutate coverage bench FORCE
FORCE:

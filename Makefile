# The house of pg_privacy. LAYERS is its architecture: a module may include headers of modules to
# its left, never to its right (test/ci/layers checks it). The same list, in the same order, drives
# the objects and the install script.
LAYERS = core keyring audit pseudonym mask label policy static_masking sweep discovery worker

EXTENSION = pg_privacy
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pg_privacy.control)
EXTENSION_SQL = $(EXTENSION)--$(EXTVERSION).sql

MODULE_big = pg_privacy
MODULE_SOURCES = $(filter-out $(GRAMMAR:.y=.c),$(foreach layer,$(LAYERS),$(sort $(wildcard src/$(layer)/*.c))))
OBJS = src/pg_privacy.o $(MODULE_SOURCES:.c=.o) $(GRAMMAR:.y=.o)
GRAMMAR = src/label/label_grammar.y
NAME_LISTS = $(sort $(wildcard src/pseudonym/*.txt))
NAMES = src/pseudonym/pseudonym_name.inc

DATA_built = $(EXTENSION_SQL)
DATA = $(wildcard src/upgrade/*.sql)
EXTRA_CLEAN = $(EXTENSION_SQL) $(GRAMMAR:.y=.c) $(GRAMMAR:.y=.h) $(NAMES) $(OBJS:.o=.d) results output_iso tmp_check

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --dbname=contrib_regression
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation

# The server's own headers count as system headers, so that -Wextra speaks of our code only.
PG_CONFIG ?= pg_config
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) -Isrc $(shell pkg-config --cflags libsodium) -MMD -MP
PG_CFLAGS = -Wall -Wextra -Werror
SHLIB_LINK = $(shell pkg-config --libs libsodium)

# No JIT bitcode: the hot path is libsodium, and clang is not asked of the user.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(EXTENSION_SQL): $(foreach layer,$(LAYERS),$(wildcard src/$(layer)/$(layer).sql)) pg_privacy.control Makefile
	printf '%s\n' '-- complain if script is sourced in psql, rather than via CREATE EXTENSION' \
	  '\echo Use "CREATE EXTENSION pg_privacy" to load this file. \quit' > $@
	cat $(foreach layer,$(LAYERS),$(wildcard src/$(layer)/$(layer).sql)) >> $@

$(GRAMMAR:.y=.c): $(GRAMMAR)
	$(or $(BISON),bison) -Wno-deprecated -d -o $@ $<
src/label/label_scan.o: $(GRAMMAR:.y=.c)

$(NAMES): src/pseudonym/name_lists.awk $(NAME_LISTS)
	LC_ALL=C $(or $(AWK),awk) -f $^ > $@
src/pseudonym/pseudonym_name.o: $(NAMES)

-include $(OBJS:.o=.d)

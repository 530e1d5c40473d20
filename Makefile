# sonde: `make` builds ./sonde; `make check` runs every test; `make demo` shows it at work. See HACKING.md.
CC      ?= gcc
BUILD   ?= build
CFLAGS  ?= -O2 -g
WARN     = -Wall -Wextra -Wshadow -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wno-unused-parameter
CPPFLAGS += -D_GNU_SOURCE -Isrc -Iinclude
ALL_CFLAGS = -std=gnu17 $(WARN) $(CFLAGS) $(CPPFLAGS) -ffunction-sections -fdata-sections
LIBS     = -lbpf -lelf -lz
SRC     := $(sort $(wildcard src/*/*.c))
OBJ     := $(SRC:%.c=$(BUILD)/%.o)

all: sonde

sonde: $(OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--gc-sections -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

clean:
	rm -rf $(BUILD) sonde sonde-static

-include $(OBJ:.o=.d)
.PHONY: all clean

/* SPDX-License-Identifier: BSD-3-Clause */
/* Every option value that can be wrong, and what is said about it: one line, with the remedy. */
#include "check.h"
#include "app_var.h"
#include "stderr_catcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned own_port;

static error_t parse_own(int key, char *arg, void *ctx)
{
    uint64_t number;

    (void)ctx;
    if (key != 'p')
        return ARGP_ERR_UNKNOWN;
    if (app_number("port", arg, 1, 65535, &number))
        return EINVAL;
    own_port = (unsigned)number;
    return 0;
}

static const struct argp_option own_options[] = {
    {"port", 'p', "PORT", 0, "port", 0},
    {0},
};

static const struct app_spec spec = {
    .name = "prog",
    .summary = "Does nothing.",
    .example = "prog --ip 10.0.0.2/24",
    .options = own_options,
    .parse = parse_own,
    .by_workers = true,
};

static int check_two(void *ctx)
{
    (void)ctx;
    return own_port == 13 ? app_fail(2, "--port", "bad luck", "Give another") : 0;
}

static const char *const sides[] = {"left", "right"};

static const struct app_spec spec_of_two = {
    .name = "prog",
    .summary = "Does nothing between two cards.",
    .example = "prog --nic a --nic b",
    .sides = sides,
    .options = own_options,
    .parse = parse_own,
    .check = check_two,
};

#define ARGS_MAX 20

/* argp permutes and getsubopt cuts up what it is given: each run gets its own copy. */
static int parse_for(const struct app_spec *program, const char *line, struct app_options *out)
{
    static char text[512];
    char *argv[ARGS_MAX + 2] = {(char *)(uintptr_t) "prog"};
    int argc = 1;

    own_port = 0;
    snprintf(text, sizeof(text), "%s", line);
    for (char *word = strtok(text, " "); word && argc <= ARGS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    return app_options_parse(program, argc, argv, out);
}

static int parse(const char *line, struct app_options *out)
{
    return parse_for(&spec, line, out);
}

static unsigned lines(const char *text)
{
    unsigned count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

struct mistake {
    const char *line, *says;
};

static const struct mistake mistakes[] = {
    {"", "no address"},
    {"--dhcp --workers 64", "--workers 64: not a valid value. Give a number from 1 to 63"},
    {"--dhcp --workers 2 --queues 2", "--workers: it says how many queues there are"},
    {"--dhcp --workers 2 --emulate tap=t0", "Run hvhost"},
    {"--ip 10.0.0.2", "--ip 10.0.0.2: not a valid value. Give an address and a prefix length"},
    {"--ip 10.0.0.2/33", "--ip 10.0.0.2/33: not a valid value"},
    {"--ip 10.0.0.2/24 --dhcp", "a static address is given, too"},
    {"--dhcp --gateway 10.0.0.1", "--gateway: it goes with a static address"},
    {"--ip 10.0.0.2/24 --gateway 10.0.1.1", "--gateway: it is not in the network of --ip"},
    {"--ip 10.0.0.2/24 --gateway router", "--gateway router: not a valid value"},
    {"--ip 10.0.0.2/24 --gateway 10.0.0.1/24", "--gateway 10.0.0.1/24: not a valid value"},
    {"--ipv6=10.0.0.1", "--ipv6 10.0.0.1: not a valid value"},
    {"--dhcp --dns nowhere", "--dns nowhere: not a valid value"},
    {"--dhcp --dns 1.1.1.1 --dns 2.2.2.2 --dns 3.3.3.3", "at most two name servers"},
    {"--dhcp --mtu 67", "--mtu 67: not a valid value. Give a number from 68 to 65521"},
    {"--dhcp --mtu 65522", "--mtu 65522: not a valid value"},
    {"--dhcp --mtu 1500x", "--mtu 1500x: not a valid value"},
    {"--dhcp --mtu -5", "--mtu -5: not a valid value"},
    {"--dhcp --mtu 99999999999999999999", "not a valid value"},
    {"--dhcp --offload on", "--offload on: not a valid value. Say auto, off or verify"},
    {"--dhcp --offload off,all", "Behind the first word say no-rsc or no-gro"},
    {"--dhcp --log loud", "--log loud: not a valid value. Give error, warn, info or debug"},
    {"--dhcp --spin 1000001", "--spin 1000001: not a valid value"},
    {"--dhcp --tcp-window 16383",
     "--tcp-window 16383: not a valid value. Give a number from 16384"},
    {"--dhcp --tcp-sndbuf 4194241", "--tcp-sndbuf 4194241: not a valid value"},
    {"--dhcp --connections 0",
     "--connections 0: not a valid value. Give a number from 1 to 4000000"},
    {"--dhcp --emulate tap",
     "--emulate: tap needs a name of 1 to 15 characters. Write --emulate tap="},
    {"--dhcp --emulate tap=", "tap needs a name"},
    {"--dhcp --emulate tap=sixteencharacter", "tap needs a name"},
    {"--dhcp --emulate tap=a/b", "tap needs a name"},
    {"--dhcp --emulate mtu=9000", "the name of the TAP device is missing"},
    {"--dhcp --emulate tap=t0,mac=01:00:00:00:00:01", "mac is not a unicast MAC address"},
    {"--dhcp --emulate tap=t0,mac=nonsense", "mac is not a unicast MAC address"},
    {"--dhcp --emulate tap=t0,mtu=x", "--emulate mtu x: not a valid value"},
    {"--dhcp --emulate tap=t0,mtu", "mtu needs a number"},
    {"--dhcp --emulate tap=t0,queues=65", "--emulate queues 65: not a valid value"},
    {"--dhcp --emulate tap=t0,loss=3", "--emulate: unknown part"},
    {"--dhcp --emulate tap=t0 --bus /tmp/b", "--emulate: it brings its own bus and card"},
    {"--dhcp --emulate tap=t0 --nic eth0", "--emulate: it brings its own bus and card"},
    {"--dhcp --nonsense", "--nonsense: unknown option, or one without its value. See --help"},
    {"--dhcp --mtu", "--mtu: unknown option, or one without its value"},
    {"--dhcp stray", "stray: not an option. See --help"},
    {"--dhcp --port 0", "--port 0: not a valid value. Give a number from 1 to 65535"},
    {"--dhcp --port 65536", "--port 65536: not a valid value"},
    {"--dhcp --nic a --nic b", "--nic: given for more cards than there are. Give it once"},
};

static const struct mistake mistakes_of_two[] = {
    {"", "which cards: there are two sides. Give --nic ID twice, or --emulate"},
    {"--nic a", "which cards: there are two sides"},
    {"--nic a --nic b --nic c", "--nic: given for more cards than there are. Give it twice"},
    {"--emulate tap=t0", "which cards: there are two sides"},
    {"--emulate tap=t0 --emulate tap=t1 --emulate tap=t2", "--emulate: given for more cards"},
    {"--emulate tap=t0 --emulate tap=t1 --nic a", "--emulate: it brings its own bus and card"},
    {"--nic a --nic b --ip 10.0.0.2/24", "--ip: unknown option"},
    {"--nic a --nic b --queues 65", "--queues 65: not a valid value"},
    {"--nic a --nic b --port 13", "--port: bad luck"},
    {"--nic a --nic b stray", "stray: not an option"},
};

static void try_all(const struct app_spec *program, const struct mistake *row, size_t count)
{
    struct stderr_catcher catcher;
    struct app_options options;

    for (; count > 0; row++, count--) {
        const char *text;
        int status;

        stderr_catch(&catcher);
        status = parse_for(program, row->line, &options);
        text = stderr_caught(&catcher);
        if (status != 2 || lines(text) != 1 || !strstr(text, row->says) ||
            strncmp(text, "prog: ", 6) != 0 || strstr(text, ".."))
            fail_msg("\"%s\": status %d, said \"%s\", expected \"%s\"", row->line, status, text,
                     row->says);
    }
}

static void each_mistake_is_one_line_with_a_remedy_and_exit_status_2(void **state)
{
    (void)state;
    try_all(&spec, mistakes, countof(mistakes));
    try_all(&spec_of_two, mistakes_of_two, countof(mistakes_of_two));
}

static void two_cards_are_named_or_emulated_in_order(void **state)
{
    struct app_options options;

    (void)state;
    assert_int_equal(parse_for(&spec_of_two, "--nic a --nic b --queues 4", &options), APP_GO_ON);
    assert_string_equal(options.nic[0], "a");
    assert_string_equal(options.nic[1], "b");
    assert_int_equal(options.queues, 4);
    assert_int_equal(options.emulated, 0);
    assert_int_equal(parse_for(&spec_of_two, "--emulate tap=l --emulate tap=r,queues=2", &options),
                     APP_GO_ON);
    assert_int_equal(options.emulated, 2);
    assert_string_equal(options.emulate[0].tap, "l");
    assert_string_equal(options.emulate[1].tap, "r");
    assert_int_equal(options.emulate[1].queues, 2);
}

static void offload_is_auto_off_or_verify(void **state)
{
    struct app_options options;

    (void)state;
    assert_int_equal(parse("--dhcp", &options), APP_GO_ON);
    assert_int_equal(options.offload, NETVSC_AUTO);
    assert_int_equal(parse("--dhcp --offload off", &options), APP_GO_ON);
    assert_int_equal(options.offload, NETVSC_OFF);
    assert_false(options.no_rsc || options.no_gro);
    assert_int_equal(parse("--dhcp --offload auto,no-gro", &options), APP_GO_ON);
    assert_int_equal(options.offload, NETVSC_AUTO);
    assert_true(options.no_gro && !options.no_rsc);
    assert_int_equal(parse("--dhcp --offload verify,no-gro,no-rsc", &options), APP_GO_ON);
    assert_int_equal(options.offload, NETVSC_VERIFY);
    assert_true(options.no_gro && options.no_rsc);
    assert_int_equal(parse("--dhcp --offload on", &options), 2);
    assert_int_equal(parse("--dhcp --offload auto,no", &options), 2);
    assert_int_equal(parse("--dhcp --offload auto,", &options), 2);
    assert_int_equal(parse("--dhcp --offload au,no-rsc", &options), 2);
}

static void what_is_copied_and_kept_is_given_in_bytes_and_percent(void **state)
{
    struct app_options options;

    (void)state;
    assert_int_equal(parse("--dhcp --rx-copybreak 1000 --rx-hold 30", &options), APP_GO_ON);
    assert_int_equal(options.rx_copybreak_bytes, 1000);
    assert_int_equal(options.rx_hold_percent, 30);
    assert_int_equal(parse("--dhcp --rx-copybreak all", &options), APP_GO_ON);
    assert_int_equal(options.rx_copybreak_bytes, NETVSC_RX_COPY_ALL);
    assert_int_equal(parse("--dhcp --rx-copybreak 0", &options), APP_GO_ON);
    assert_int_equal(options.rx_copybreak_bytes, 1); /* 0 would be the default */
    assert_int_equal(parse("--dhcp --rx-copybreak some", &options), 2);
    assert_int_equal(parse("--dhcp --rx-hold 0", &options), 2);
    assert_int_equal(parse("--dhcp --rx-hold 91", &options), 2);
}

static void good_values_arrive_where_they_belong(void **state)
{
    struct app_options options;

    (void)state;
    assert_int_equal(
        parse("--bus /run/b --nic eth1 --ip 10.0.0.2/24 --gateway 10.0.0.1 --ipv6=fd00::2/64 "
              "--mtu 9000 --connections 100000 --offload verify --pcap f --stats --log debug",
              &options),
        APP_GO_ON);
    assert_string_equal(options.bus, "/run/b");
    assert_string_equal(options.nic[0], "eth1");
    assert_string_equal(ip4addr_ntoa(&options.net.address), "10.0.0.2");
    assert_string_equal(ip4addr_ntoa(&options.net.gateway), "10.0.0.1");
    assert_true(options.net.ipv6);
    assert_string_equal(ip6addr_ntoa(&options.net.address6), "FD00::2");
    assert_int_equal(options.mtu_bytes, 9000);
    assert_int_equal(options.connections, 100000);
    assert_int_equal(options.offload, NETVSC_VERIFY);
    assert_string_equal(options.pcap, "f");
    assert_true(options.stats);
    assert_int_equal(options.log, PORT_LOG_DEBUG);
    assert_int_equal(options.spin_us, PORT_LOOP_SPIN_US);
    assert_string_equal(options.net.hostname, "prog");
}

static void the_emulated_card_takes_its_parts(void **state)
{
    static const uint8_t mac[6] = {0x00, 0x15, 0x5d, 0xab, 0xcd, 0xef};
    struct app_options options;

    (void)state;
    assert_int_equal(
        parse("--dhcp --emulate tap=nvt0,mac=00:15:5d:AB:cd:ef,mtu=9000,queues=8,strict "
              "--queues 4 --spin 0 --port 99",
              &options),
        APP_GO_ON);
    assert_true(options.emulated);
    assert_string_equal(options.emulate[0].tap, "nvt0");
    assert_memory_equal(options.emulate[0].mac, mac, sizeof(mac));
    assert_int_equal(options.emulate[0].mtu_bytes, 9000);
    assert_true(options.emulate[0].strict);
    assert_int_equal(options.emulate[0].queues, 8);
    assert_int_equal(options.queues, 4);
    assert_int_equal(options.spin_us, 0);
    assert_int_equal(own_port, 99);
}

static void the_bus_comes_from_the_environment_unless_given(void **state)
{
    struct app_options options;

    (void)state;
    setenv("NETVSC_BUS", "/run/env", 1);
    assert_int_equal(parse("--dhcp", &options), APP_GO_ON);
    assert_string_equal(options.bus, "/run/env");
    assert_int_equal(parse("--dhcp --bus /run/opt", &options), APP_GO_ON);
    assert_string_equal(options.bus, "/run/opt");
    assert_int_equal(parse("--dhcp --emulate tap=t0", &options), APP_GO_ON);
    assert_null(options.bus);
    setenv("NETVSC_BUS", "", 1);
    assert_int_equal(parse("--dhcp", &options), APP_GO_ON);
    assert_null(options.bus);
    unsetenv("NETVSC_BUS");
}

/* Help is the first thing a newcomer reads: all of it at once, with something to copy. */
static void help_fits_a_screen_and_ends_with_the_example(void **state)
{
    struct app_options options;
    char text[8192];
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    size_t got;

    (void)state;
    assert_non_null(file);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    assert_int_equal(parse("--help", &options), 0);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    got = fread(text, 1, sizeof(text) - 1, file);
    text[got] = '\0';
    fclose(file);
    assert_in_range(lines(text), 10, 24);
    assert_non_null(strstr(text, "Usage: prog [OPTION...]\nDoes nothing.\n"));
    assert_non_null(strstr(text, "--port=PORT"));
    assert_non_null(strstr(text, "\nExample: prog --ip 10.0.0.2/24\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_one_line_with_a_remedy_and_exit_status_2),
        cmocka_unit_test(two_cards_are_named_or_emulated_in_order),
        cmocka_unit_test(offload_is_auto_off_or_verify),
        cmocka_unit_test(what_is_copied_and_kept_is_given_in_bytes_and_percent),
        cmocka_unit_test(good_values_arrive_where_they_belong),
        cmocka_unit_test(the_emulated_card_takes_its_parts),
        cmocka_unit_test(the_bus_comes_from_the_environment_unless_given),
        cmocka_unit_test(help_fits_a_screen_and_ends_with_the_example),
    };

    unsetenv("NETVSC_BUS");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

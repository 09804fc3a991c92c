/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's own tests of TCP, from its tree, against lwIP as it is compiled here: with our table of
 * connections, our pools, and our tcp_write() and tcp_output().
 */
#include <lwip_check.h>
#include <tcp/tcp_helper.h>
#include <tcp/test_tcp.h>
#include <tcp/test_tcp_oos.h>
#include <tcp/test_tcp_state.h>

#include "lwip/init.h"
#include "lwip/stats.h"

void helper_set_state(struct tcp_pcb *pcb, enum tcp_state state, const ip_addr_t *local_ip,
                      const ip_addr_t *remote_ip, u16_t local_port, u16_t remote_port);

/* lwIP's helper puts a connection on its list first and names it later; nothing else does. */
void tcp_set_state(struct tcp_pcb *pcb, enum tcp_state state, const ip_addr_t *local_ip,
                   const ip_addr_t *remote_ip, u16_t local_port, u16_t remote_port)
{
    ip_addr_copy(pcb->local_ip, *local_ip);
    ip_addr_copy(pcb->remote_ip, *remote_ip);
    pcb->local_port = local_port;
    pcb->remote_port = remote_port;
    helper_set_state(pcb, state, local_ip, remote_ip, local_port, remote_port);
}

Suite *create_suite(const char *name, testfunc *tests, size_t num_tests, SFun setup, SFun teardown)
{
    Suite *suite = suite_create(name);

    for (size_t i = 0; i < num_tests; i++) {
        TCase *tc = tcase_create(name);

        tcase_add_checked_fixture(tc, setup, teardown);
        tcase_add_named_test(tc, tests[i]);
        suite_add_tcase(suite, tc);
    }
    return suite;
}

void lwip_check_ensure_no_alloc(unsigned int skip)
{
    for (unsigned i = 0; i < MEMP_MAX; i++) {
        if (!(skip & 1u << i))
            fail_unless(lwip_stats.memp[i]->used == 0);
    }
}

int main(void)
{
    SRunner *runner = srunner_create(tcp_suite());
    int failed;

    srunner_add_suite(runner, tcp_oos_suite());
    srunner_add_suite(runner, tcp_state_suite());
    lwip_init();
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

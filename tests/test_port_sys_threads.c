/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lwIP waits with when it has threads, and what protects its memory from them. Time is the
 * machine's, for threads sleep in the kernel.
 */
#include "check.h"

#include <pthread.h>

#include "lwip/opt.h"

#include "lwip/sys.h"

#define PATIENCE_MS 5000
#define SHORT_MS 5u
#define MESSAGES 2000u
#define MESSAGE(i) ((void *)(uintptr_t)(0x1000u + (i)))

static void test_a_semaphore_is_up_once_however_often_signalled(void **state)
{
    sys_sem_t sem;

    (void)state;
    assert_int_equal(sys_sem_new(&sem, 1), ERR_OK);
    assert_int_equal(sys_arch_sem_wait(&sem, SHORT_MS), 0);
    assert_int_equal(sys_arch_sem_wait(&sem, SHORT_MS), SYS_ARCH_TIMEOUT);
    sys_sem_signal(&sem);
    sys_sem_signal(&sem);
    assert_int_equal(sys_arch_sem_wait(&sem, 0), 0);
    assert_int_equal(sys_arch_sem_wait(&sem, SHORT_MS), SYS_ARCH_TIMEOUT);
    sys_sem_free(&sem);
}

static void test_a_mailbox_keeps_order_and_says_when_it_is_full_or_empty(void **state)
{
    sys_mbox_t mbox;
    void *got;

    (void)state;
    assert_int_equal(sys_mbox_new(&mbox, 3), ERR_OK);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(sys_mbox_trypost(&mbox, MESSAGE(i)), ERR_OK);
        assert_int_equal(sys_mbox_trypost(&mbox, MESSAGE(3)), ERR_MEM);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(sys_arch_mbox_fetch(&mbox, &got, 0), 0);
            assert_ptr_equal(got, MESSAGE(i));
        }
        assert_int_equal(sys_arch_mbox_tryfetch(&mbox, &got), SYS_MBOX_EMPTY);
        assert_int_equal(sys_arch_mbox_fetch(&mbox, &got, SHORT_MS), SYS_ARCH_TIMEOUT);
    }
    sys_mbox_free(&mbox);
}

static void post_all(void *mbox)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        sys_mbox_post(mbox, MESSAGE(i));
}

static void test_who_posts_to_a_full_mailbox_waits_for_a_place(void **state)
{
    sys_thread_t poster;
    sys_mbox_t mbox;

    (void)state;
    assert_int_equal(sys_mbox_new(&mbox, 2), ERR_OK);
    poster = sys_thread_new("a name of many letters", post_all, &mbox, 0, 0);
    for (unsigned i = 0; i < MESSAGES; i++) {
        void *got;

        assert_int_equal(sys_arch_mbox_fetch(&mbox, &got, PATIENCE_MS), 0);
        assert_ptr_equal(got, MESSAGE(i));
    }
    pthread_join(poster, NULL);
    sys_mbox_free(&mbox);
}

static void enter(void *entered)
{
    const sys_prot_t before = sys_arch_protect();

    sys_sem_signal(entered);
    sys_arch_unprotect(before);
}

/* Who has the protection may ask for it again, and has it until it is given back as often. */
static void test_protection_is_for_one_thread_at_a_time(void **state)
{
    sys_prot_t outer, inner;
    sys_thread_t other;
    sys_sem_t entered;

    (void)state;
    assert_int_equal(sys_sem_new(&entered, 0), ERR_OK);
    outer = sys_arch_protect();
    inner = sys_arch_protect();
    other = sys_thread_new("other", enter, &entered, 0, 0);
    assert_int_equal(sys_arch_sem_wait(&entered, SHORT_MS), SYS_ARCH_TIMEOUT);
    sys_arch_unprotect(inner);
    assert_int_equal(sys_arch_sem_wait(&entered, SHORT_MS), SYS_ARCH_TIMEOUT);
    sys_arch_unprotect(outer);
    assert_int_equal(sys_arch_sem_wait(&entered, PATIENCE_MS), 0);
    pthread_join(other, NULL);
    sys_sem_free(&entered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_semaphore_is_up_once_however_often_signalled),
        cmocka_unit_test(test_a_mailbox_keeps_order_and_says_when_it_is_full_or_empty),
        cmocka_unit_test(test_who_posts_to_a_full_mailbox_waits_for_a_place),
        cmocka_unit_test(test_protection_is_for_one_thread_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

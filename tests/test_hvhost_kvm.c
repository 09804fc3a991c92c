/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a KVM good enough for guests of Hyper-V? Where it is not, it is said what is missing. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "hvh_kvm.h"

static void no_kvm_at_all_is_said_in_words(void **state)
{
    char why[HVH_KVM_WHY_BYTES];

    (void)state;
    assert_int_equal(hvh_kvm_check("/dev/no-kvm-here", why), -ENOENT);
    assert_string_equal(why, "No such file or directory");
}

static void another_device_is_no_kvm(void **state)
{
    char why[HVH_KVM_WHY_BYTES];

    (void)state;
    assert_int_equal(hvh_kvm_check("/dev/null", why), -ENOTTY);
    assert_string_equal(why, "this is no KVM of API version 12");
}

static void a_kvm_without_the_interface_of_hyperv_is_told_by_its_names(void **state)
{
    char why[HVH_KVM_WHY_BYTES] = "";
    int rc = hvh_kvm_check(HVH_KVM_DEVICE, why);

    (void)state;
    if (rc != -ENOTSUP)
        skip(); /* this machine has none, or a good one */
    assert_int_equal(strncmp(why, "it lacks KVM_CAP_", 17), 0);
    assert_null(strstr(why, "KVM_CAP_USER_MEMORY")); /* which none lacks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_kvm_at_all_is_said_in_words),
        cmocka_unit_test(another_device_is_no_kvm),
        cmocka_unit_test(a_kvm_without_the_interface_of_hyperv_is_told_by_its_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

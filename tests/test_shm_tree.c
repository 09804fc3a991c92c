/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of the shared-memory face: who may serve it, what is made, what is ever removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "hvh_shm.h"
#include "hvh_shm_var.h"
#include "hvh_var.h"
#include "shm_fixture.h"

/* A host in this process, serving (dir) or not. */
struct served {
    struct hvhost *host;
    struct hvh_shm *shm;
    int rc;
};

static struct served serve(const char *dir)
{
    struct hvhost_nic_config config = shm_small_nic();
    struct hvhost_nic *nic;
    struct served s;

    assert_int_equal(hvhost_create(NULL, &s.host), 0);
    assert_int_equal(hvhost_nic_add(s.host, &config, &nic), 0);
    s.rc = hvh_shm_serve(s.host, dir, &s.shm);
    assert_true((s.rc == 0) == (s.shm != NULL));
    return s;
}

static void end(struct served *s)
{
    hvhost_destroy(s->host);
}

static void an_orderly_host_leaves_nothing_behind(void **state)
{
    struct shm_fixture *f = *state;
    struct served s = serve(f->dir);

    assert_int_equal(s.rc, 0);
    assert_true(shm_exists(f, "bus/dev/uio0.map4"));
    end(&s);
    assert_false(shm_exists(f, "bus"));
}

static void a_folder_that_was_there_stays(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;

    assert_int_equal(mkdir(f->dir, 0700), 0);
    s = serve(f->dir);
    assert_int_equal(s.rc, 0);
    hvh_shm_close(s.shm);
    end(&s);
    assert_true(shm_exists(f, "bus"));
    assert_int_equal(rmdir(f->dir), 0); /* and is empty */
}

static void a_second_host_is_refused(void **state)
{
    struct shm_fixture *f = *state;
    struct served first = serve(f->dir);
    struct served second = serve(f->dir);

    assert_int_equal(first.rc, 0);
    assert_int_equal(second.rc, -EBUSY);
    end(&second);
    assert_true(shm_exists(f, "bus/dev/uio0"));
    end(&first);
}

static void a_foreign_folder_is_refused_and_untouched(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;

    assert_int_equal(mkdir(f->dir, 0700), 0);
    shm_write(f, "bus/thesis.txt", "years");
    s = serve(f->dir);
    assert_int_equal(s.rc, -EEXIST);
    end(&s);
    assert_string_equal(shm_read(f, "bus/thesis.txt"), "years");
    assert_false(shm_exists(f, "bus/hvhost.lock"));
}

static void a_file_in_place_of_the_folder_is_refused(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;

    shm_write(f, "bus", "no folder");
    s = serve(f->dir);
    assert_int_equal(s.rc, -EEXIST);
    end(&s);
    assert_string_equal(shm_read(f, "bus"), "no folder");
}

static void what_others_put_into_a_dead_hosts_folder_is_kept(void **state)
{
    static const char *const notes[] = {"bus/note", "bus/devices/note"};
    struct shm_fixture *f = *state;
    struct served s;
    unsigned i;

    for (i = 0; i < countof(notes); i++) {
        assert_int_equal(shm_host_start(f, 1), 0);
        shm_host_kill(f);
        shm_write(f, notes[i], "mine");
        s = serve(f->dir);
        assert_int_equal(s.rc, -EEXIST);
        end(&s);
        assert_string_equal(shm_read(f, notes[i]), "mine");
        shm_remove(f, notes[i]);
    }
}

static void a_dead_hosts_folder_is_cleared_and_served_again(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;

    assert_int_equal(shm_host_start(f, 2), 0);
    assert_true(shm_exists(f, "bus/dev/uio1"));
    shm_host_kill(f);
    assert_true(shm_exists(f, "bus/dev/uio1"));
    s = serve(f->dir); /* with one card */
    assert_int_equal(s.rc, 0);
    assert_true(shm_exists(f, "bus/dev/uio0"));
    assert_false(shm_exists(f, "bus/dev/uio1"));
    end(&s);
    assert_false(shm_exists(f, "bus")); /* the dead host had made it, so it goes, too */
}

/* Or a host that lives for months fills its tmpfs with the names of what came and went. */
static void the_list_does_not_grow_with_what_comes_again(void **state)
{
    struct shm_fixture *f = *state;
    struct served s = serve(f->dir);
    struct hvhost_nic *nic = hvh_nic_at(s.host, 0);
    char lock[128];
    struct stat first, last;

    snprintf(lock, sizeof(lock), "%s/hvhost.lock", f->dir);
    assert_int_equal(stat(lock, &first), 0);
    assert_true(first.st_size > 0);
    for (unsigned i = 0; i < 5; i++) {
        hvhost_nic_rescind(nic);
        hvhost_step(s.host, 0);
        assert_false(shm_exists(f, "bus/dev/uio0"));
        hvhost_nic_offer(nic);
        hvhost_step(s.host, 0);
        assert_true(shm_exists(f, "bus/dev/uio0"));
    }
    assert_int_equal(stat(lock, &last), 0);
    assert_int_equal(last.st_size, first.st_size);
    end(&s);
    assert_false(shm_exists(f, "bus"));
}

static void what_a_dead_host_had_made_again_is_cleared_too(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;

    assert_int_equal(shm_host_start(f, 1), 0);
    shm_host_rescind(f);
    shm_host_offer(f);
    assert_true(shm_exists(f, "bus/dev/uio0"));
    shm_host_kill(f);
    assert_int_equal(shm_host_start(f, 1), 0); /* and the second one dies, too */
    shm_host_kill(f);
    s = serve(f->dir);
    assert_int_equal(s.rc, 0);
    end(&s);
    assert_false(shm_exists(f, "bus"));
}

/* Half a name would be taken for the beginning of the next one. */
static void a_name_there_is_no_room_for_leaves_nothing_on_the_list(void **state)
{
    struct shm_fixture *f = *state;
    struct rlimit limit, full;
    struct hvh_tree tree;
    struct stat before, after;

    assert_int_equal(hvh_tree_open(f->dir, &tree), 0);
    assert_int_equal(hvh_tree_note(&tree, "devices"), 0);
    assert_int_equal(fstat(tree.lock_fd, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    full = limit;
    full.rlim_cur = (rlim_t)before.st_size + 5;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    assert_int_equal(hvh_tree_note(&tree, "devices/one"), -ENOSPC);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(fstat(tree.lock_fd, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    hvh_tree_close(&tree);
}

static void a_list_that_leads_out_of_the_folder_is_not_followed(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;
    char list[256];

    shm_write(f, "outside", "keep");
    assert_int_equal(mkdir(f->dir, 0700), 0);
    snprintf(list, sizeof(list), "../outside\n%s/outside\n\nx/../../outside\n", f->base);
    shm_write(f, "bus/hvhost.lock", list);
    s = serve(f->dir);
    assert_int_equal(s.rc, 0);
    end(&s);
    assert_string_equal(shm_read(f, "outside"), "keep");
}

static void a_lock_that_is_a_link_is_refused(void **state)
{
    struct shm_fixture *f = *state;
    char lock[128];
    struct served s;

    shm_write(f, "outside", "keep");
    assert_int_equal(mkdir(f->dir, 0700), 0);
    snprintf(lock, sizeof(lock), "%s/hvhost.lock", f->dir);
    assert_int_equal(symlink("../outside", lock), 0);
    s = serve(f->dir);
    assert_int_equal(s.rc, -EEXIST);
    end(&s);
    assert_string_equal(shm_read(f, "outside"), "keep");
}

static void a_folder_others_may_write_to_is_refused(void **state)
{
    struct shm_fixture *f = *state;
    struct served s;

    assert_int_equal(mkdir(f->dir, 0700), 0);
    assert_int_equal(chmod(f->dir, 0777), 0);
    s = serve(f->dir);
    assert_int_equal(s.rc, -EPERM);
    end(&s);
}

static void a_folder_below_nothing_is_refused(void **state)
{
    struct shm_fixture *f = *state;
    char dir[128], longest[300];
    struct served s;

    snprintf(dir, sizeof(dir), "%s/no/bus", f->base);
    s = serve(dir);
    assert_int_equal(s.rc, -ENOENT);
    end(&s);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    s = serve(longest);
    assert_int_equal(s.rc, -ENAMETOOLONG);
    end(&s);
}

static void a_path_longer_than_a_socket_address_is_served(void **state)
{
    struct shm_fixture *f = *state;
    char dir[240];
    struct served s;

    snprintf(dir, sizeof(dir), "%s/%0150d", f->base, 0);
    s = serve(dir);
    assert_int_equal(s.rc, 0);
    end(&s);
}

/* The bytes a Linux kernel shows for a network card on uio_hv_generic. */
static void attributes_read_as_a_kernel_writes_them(void **state)
{
    struct shm_fixture *f = *state;
    struct served s = serve(f->dir);
    struct hvhost_nic *nic = hvh_nic_at(s.host, 0);
    char path[128], want[128];

#define ATTR(name)                                                                                 \
    (snprintf(path, sizeof(path), "bus/devices/%s/" name, hvh_nic_instance(nic)), path)
    assert_string_equal(shm_read(f, ATTR("class_id")), "{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n");
    assert_string_equal(shm_read(f, ATTR("modalias")), "vmbus:635161f83edfc546913ff2d2f965ed0e\n");
    assert_string_equal(shm_read(f, ATTR("state")), "2\n");
    assert_string_equal(shm_read(f, ATTR("vendor")), "0x1414\n");
    assert_string_equal(shm_read(f, ATTR("uio/uio0/name")), "uio_hv_generic\n");
    assert_string_equal(shm_read(f, ATTR("uio/uio0/maps/map0/name")), "txrx_rings\n");
    assert_string_equal(shm_read(f, ATTR("uio/uio0/maps/map0/size")), "0x10000\n");
    assert_string_equal(shm_read(f, ATTR("uio/uio0/maps/map3/name")), "recv:925200\n");
    snprintf(want, sizeof(want), "{%s}\n", hvh_nic_instance(nic));
    assert_string_equal(shm_read(f, ATTR("device_id")), want);
    snprintf(want, sizeof(want), "%u\n", hvh_nic_relid(nic));
    assert_string_equal(shm_read(f, ATTR("id")), want);
    assert_false(shm_exists(f, ATTR("monitor_id"))); /* the card has no monitor */
    assert_true(shm_exists(f, ATTR("driver/.")));
#undef ATTR
    end(&s);
}

/* A guest may read channels/RELID while it is made, and no kernel shows an empty attribute. */
static void an_attribute_appears_with_its_text(void **state)
{
    struct shm_fixture *f = *state;
    struct inotify_event event[32];
    struct hvh_tree tree;
    bool moved = false;
    ssize_t len;
    int fd;

    assert_int_equal(hvh_tree_open(f->dir, &tree), 0);
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(inotify_add_watch(fd, f->dir, IN_CREATE | IN_MOVED_TO) >= 0);
    assert_int_equal(hvh_tree_text(&tree, "subchannel_id", "1\n"), 0);
    len = read(fd, event, sizeof(event));
    assert_true(len > 0);
    for (const char *at = (char *)event, *end = at + len; at < end;) {
        const struct inotify_event *e = (const struct inotify_event *)(const void *)at;

        if (strcmp(e->name, "subchannel_id") == 0) {
            assert_int_equal(e->mask, IN_MOVED_TO);
            moved = true;
        }
        at += sizeof(*e) + e->len;
    }
    assert_true(moved);
    assert_string_equal(shm_read(f, "bus/subchannel_id"), "1\n");
    close(fd);
    hvh_tree_close(&tree);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shm_setup, shm_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_orderly_host_leaves_nothing_behind),
        TEST(a_folder_that_was_there_stays),
        TEST(a_second_host_is_refused),
        TEST(a_foreign_folder_is_refused_and_untouched),
        TEST(a_file_in_place_of_the_folder_is_refused),
        TEST(what_others_put_into_a_dead_hosts_folder_is_kept),
        TEST(a_dead_hosts_folder_is_cleared_and_served_again),
        TEST(the_list_does_not_grow_with_what_comes_again),
        TEST(what_a_dead_host_had_made_again_is_cleared_too),
        TEST(a_name_there_is_no_room_for_leaves_nothing_on_the_list),
        TEST(a_list_that_leads_out_of_the_folder_is_not_followed),
        TEST(a_lock_that_is_a_link_is_refused),
        TEST(a_folder_others_may_write_to_is_refused),
        TEST(a_folder_below_nothing_is_refused),
        TEST(a_path_longer_than_a_socket_address_is_served),
        TEST(an_attribute_appears_with_its_text),
        TEST(attributes_read_as_a_kernel_writes_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

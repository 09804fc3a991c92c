/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Running a table of steps, one at a time, without waiting.
 *
 * Theory of operation. A step is sent (again at the next poll while ring or request memory is not
 * free), then accepted: when it awaits an answer, as soon as that is there; when it does not, at
 * every poll until its condition holds. One deadline covers both. A step that fails ends the run,
 * unless it is optional: then whatever default stands is kept. An answer that comes after its step
 * was given up finds another generation being awaited and is counted as late (netvsc_ctl.c).
 */
#include "netvsc_var.h"

#include <errno.h>

#define NS_PER_MS 1000000ull

static void begin_step(struct netvsc *nic)
{
    const struct netvsc_step *step = &nic->steps[nic->step];
    uint32_t ms = step->deadline_ms ? step->deadline_ms : nic->config.step_timeout_ms;

    nic->step_sent = false;
    nic->step_deadline_ns = nic->now_ns + ms * NS_PER_MS;
    nic->ctl.await = NETVSC_AWAIT_NOTHING;
    nic->ctl.answered = false;
}

void netvsc_steps_begin(struct netvsc *nic, const struct netvsc_step *steps)
{
    nic->steps = steps;
    nic->step = 0;
    begin_step(nic);
}

/* 0 done, -EAGAIN not yet, NETVSC_STEP_RESEND, or failed. */
static int try_step(struct netvsc *nic)
{
    const struct netvsc_step *step = &nic->steps[nic->step];

    if (!nic->step_sent) {
        int rc = step->send ? step->send(nic) : 0;

        if (rc)
            return rc;
        nic->step_sent = true;
    }
    if (nic->ctl.await != NETVSC_AWAIT_NOTHING && !nic->ctl.answered)
        return -EAGAIN;
    return step->accept ? step->accept(nic) : 0;
}

/* While the NIC is up, other queues' threads read what is known of it. */
static void leave_out(struct netvsc *nic, int rc)
{
    if (nic->state != NETVSC_ATTACHING)
        return;
    nic->info.left_out = nic->steps[nic->step].name;
    nic->info.left_out_error = rc;
}

int netvsc_steps_run(struct netvsc *nic)
{
    while (nic->steps[nic->step].name) {
        int rc = try_step(nic);

        if (rc == -EAGAIN && nic->now_ns < nic->step_deadline_ns)
            return 0;
        if (rc == -EAGAIN)
            rc = -ETIMEDOUT;
        if (rc < 0 && !nic->steps[nic->step].optional)
            return rc;
        if (rc < 0)
            leave_out(nic, rc);
        if (rc != NETVSC_STEP_RESEND)
            nic->step++;
        begin_step(nic);
    }
    return 1;
}

const char *netvsc_steps_name(const struct netvsc *nic)
{
    return nic->steps[nic->step].name;
}

uint64_t netvsc_steps_deadline(const struct netvsc *nic, uint64_t now_ns)
{
    return nic->step_deadline_ns > now_ns ? nic->step_deadline_ns - now_ns : 0;
}

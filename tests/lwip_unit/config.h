/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's tests include one; there is nothing to configure. */

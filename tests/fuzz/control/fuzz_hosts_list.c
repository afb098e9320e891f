/* SPDX-License-Identifier: BSD-3-Clause */
#define FUZZ_FORMAT FEED_HOSTS
#include "tests/fuzz/control/fuzz_list.h"

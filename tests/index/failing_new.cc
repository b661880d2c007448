// SPDX-License-Identifier: Apache-2.0
// The failing memory of tests/damage, for this program too.
#include "tests/damage/failing_new.cc"

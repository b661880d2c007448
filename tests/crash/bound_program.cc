// SPDX-License-Identifier: Apache-2.0
// Becomes another program that does not outlive whoever started this one: what does would hold its output open.
// Usage: bound_program PROGRAM ARGUMENT…
#include <csignal>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) { return 64; }
  ::execv(argv[1], argv + 1);
  return 127;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a shared library of Tidemark gives to others; all else is hidden, for the library is compiled so. Before every
// class, and every function that is not inline.
#if defined(__GNUC__)
#define TIDEMARK_API [[gnu::visibility("default")]]
#else
#define TIDEMARK_API
#endif

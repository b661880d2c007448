// SPDX-License-Identifier: Apache-2.0
// Nothing: the target that the precompiled headers belong to needs a source.

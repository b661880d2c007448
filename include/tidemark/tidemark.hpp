// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything a program needs to use a Tidemark store.
#include "tidemark/backup.hpp"
#include "tidemark/batch.hpp"
#include "tidemark/cursor.hpp"
#include "tidemark/error.hpp"
#include "tidemark/event.hpp"
#include "tidemark/expect.hpp"
#include "tidemark/extract.hpp"
#include "tidemark/fork.hpp"
#include "tidemark/index_files.hpp"
#include "tidemark/limits.hpp"
#include "tidemark/query.hpp"
#include "tidemark/recovery_report.hpp"
#include "tidemark/repair.hpp"
#include "tidemark/store.hpp"
#include "tidemark/subscription.hpp"
#include "tidemark/ticket.hpp"
#include "tidemark/types.hpp"
#include "tidemark/verify.hpp"
#include "tidemark/version.hpp"

// Linux as the kernel declares it: user-space API headers, constants that Swift cannot see through macros,
// and one system call trap per architecture. No logic lives here.
#pragma once

#include "CLinuxProgramFile.h"
#include "CLinuxSystemCall.h"

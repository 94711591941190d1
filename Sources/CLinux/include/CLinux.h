// Linux as the kernel declares it: user-space API headers, constants that Swift cannot see through macros,
// one system call trap per architecture, and what a program in Swift cannot do to itself. No other logic lives here.
#pragma once

#include "CLinuxProgramFile.h"
#include "CLinuxRestingMemory.h"
#include "CLinuxSystemCall.h"

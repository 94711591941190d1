// The package manager wants one source file; everything is in the headers.
#include "CLinux.h"

#pragma once
#include "harness/core/json.h"
#include "harness/sweep/sweep_declaration.h"

namespace winnow {

// The JSON Schema (draft-07) of a sweep file, made from the declarations that the reader checks by, with the settings of all registered tasks and
// of `pruners`. A file that read_sweep takes is valid by it, but for required settings that only the grid gives; what only the reader finds (files that are missing, names twice, settings that do not
// go together) it cannot say.
OrderedJson sweep_schema(const PrunerDeclarations& pruners);

}  // namespace winnow

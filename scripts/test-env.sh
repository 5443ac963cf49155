#!/bin/sh
# Tells the tests where the fetched models and the Temporal program are. To be sourced from the root.
checks=$(target/debug/empiric -C examples/staff-handbook --state target/test-state --output json doctor)
path_of() {
    printf '%s' "$checks" | python3 -c "
import json, sys
print(next(check['path'] for check in json.load(sys.stdin) if check['name'] == '$1'))"
}
EMPIRIC_TEST_MODEL=$(path_of model)
EMPIRIC_TEST_ENCODER=$(path_of embedder)
EMPIRIC_TEMPORAL_BIN=$(path_of temporal)
export EMPIRIC_TEST_MODEL EMPIRIC_TEST_ENCODER EMPIRIC_TEMPORAL_BIN

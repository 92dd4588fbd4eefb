// Every store passes the one suite. What only one of them has is tested in its folder.
import { describeStore } from './suites/store-suite.ts'
import { stores } from './suites/stores.ts'

for (const [name, harness] of stores) describeStore(name, harness)

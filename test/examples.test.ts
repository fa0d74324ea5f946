// The tests that examples/test shows to users are kept true here.
import '../examples/test/opens.test.ts';
import '../examples/test/xdp_count.test.ts';

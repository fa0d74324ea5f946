// Imported for what it does: with NODE_EXTRA_CA_CERTS, which some machines set, Node reads certificates for 40 ms before it
// starts anything. Nothing that is measured here asks for them.
delete process.env['NODE_EXTRA_CA_CERTS'];

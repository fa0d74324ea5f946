/* Functions under the names that Rust's compiler gives them. */
int fun1(void) __asm__("_ZN10hello_rust4fun117h6a1c2f0e9b3d5784E");

int fun1(void)
{
	return 1;
}

int main(void)
{
	return fun1() - 1;
}

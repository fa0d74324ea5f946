/* Functions under the names that Go's linker gives them: with dots. */
void schedule(void) __asm__("runtime.schedule");
int start(void) __asm__("main.main");

void schedule(void)
{
}

int start(void)
{
	schedule();
	return 0;
}

int main(void)
{
	return start();
}

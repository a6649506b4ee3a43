// Waits for what another process does: asked again and again until it holds.

export async function until(holds: () => Promise<boolean>, what: string, limitMs: number): Promise<void> {
  for (const end = Date.now() + limitMs; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Asks the one at the terminal; everything but a yes is a no. */
export async function askYesNo(question: string): Promise<boolean> {
  process.stderr.write(`${question} [y/N] `);
  const answer = await new Promise<string>((resolve) => {
    process.stdin.once('data', (data) => resolve(String(data)));
    process.stdin.once('end', () => resolve(''));
  });
  // Else it would keep this process alive.
  process.stdin.pause();
  return /^\s*y(es)?\s*$/i.test(answer);
}

/**
 * The name of a process's terminal as ps(1) shows it (`pts/3`, `tty1`, `ttyS0`), from the device number in
 * /proc/PID/stat; the majors are those of the kernel's Documentation/admin-guide/devices.txt.
 *
 * @returns `undefined` where the process has none.
 */
export function terminalName(device: number): string | undefined {
  if (device === 0) return undefined;
  // As the kernel's new_encode_dev() puts them together.
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xf_ff00);
  if (major >= 136 && major <= 143) return `pts/${minor + (major - 136) * 256}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return `${major}:${minor}`;
}

/** The last that dtach shows, when the program in it has ended (attach.c of dtach 0.9). */
// oxlint-disable-next-line no-control-regex -- it shows the cursor again
export const END_OF_DTACH = /\[EOF - dtach terminating\]\r\n(\u001b\[\?25h)?$/;

/** Longer than {@link END_OF_DTACH}. */
export const DTACH_TAIL_BYTES = 64;

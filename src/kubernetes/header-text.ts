/** Whether a text can be the value of a header of HTTP as it is: what cannot is no token, and no name of anybody. */
export function isHeaderText(text: string): boolean {
  return /^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/.test(text);
}

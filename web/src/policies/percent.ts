/** A share as `99.9 %`. Rounded down: what is not complete must not look so. */
export function percent(share: number): string {
  return `${(Math.floor(share * 1_000) / 10).toLocaleString('en')} %`
}

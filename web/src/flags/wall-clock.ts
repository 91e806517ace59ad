/** The user's time zone: `Europe/Berlin`. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

/** What an `<input type="datetime-local">` has, as an instant, and what clocks that change do to it; undefined: no time. */
export function readWallClock(text: string): { at: Date; remark: string | undefined } | undefined {
  const at = new Date(text)
  if (text === '' || Number.isNaN(at.getTime())) return undefined
  const wall = wallClock(at)
  if (wall !== `${text}:00`.slice(0, 19)) {
    return { at, remark: `Clocks jump over this time in ${ZONE}: it is ${wall.slice(11)}.` }
  }
  // Everywhere in use, clocks go back by an hour at most.
  const twice = [30, 60].some((minutes) => wallClock(new Date(at.getTime() + minutes * 60_000)) === wall)
  return { at, remark: twice ? `Clocks in ${ZONE} show this time twice: the first one is meant.` : undefined }
}

/** `2026-03-01T09:00:00`, by the clock of the user: what an `<input type="datetime-local">` takes. */
export function wallClock(instant: Date | string): string {
  const at = new Date(instant)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

/** `Sun, 1 Mar 2026, 09:00:00 CET` */
export function inWords(at: Date | string): string {
  return new Date(at).toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  })
}

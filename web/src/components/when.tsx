import { Tooltip } from '@mantine/core'
import { local, relative, useNow, utc } from './time.ts'

/** An instant, in the zone of the user; how far away it is, and when it is in UTC, are in its tooltip. */
export function When({ at, as = 'local' }: { at: string; as?: 'local' | 'relative' }) {
  const now = useNow(as === 'relative' ? 1_000 : 30_000)
  const [shown, other] = as === 'local' ? [local(at, now), relative(at, now)] : [relative(at, now), local(at, now)]
  return (
    <Tooltip label={`${other} · ${utc(at)}`} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={at} className="figure">
        {shown}
      </time>
    </Tooltip>
  )
}

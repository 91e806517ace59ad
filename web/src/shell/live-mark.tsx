import { Tooltip } from '@mantine/core'
import { Status } from '../components/status.tsx'
import { useLive } from '../live/live.tsx'

const MEANING = {
  connecting: 'Connecting to the stream of changes',
  live: 'Every change is shown when it happens',
  polling: 'The stream of changes is down; what is shown is read again every 5 seconds',
}

export function LiveMark() {
  const state = useLive()
  return (
    <Tooltip label={MEANING[state]}>
      <div role="status">
        <Status of={state} />
      </div>
    </Tooltip>
  )
}

import { type RefObject, useEffect, useState } from 'react'
import { Notice } from './notice.tsx'

/**
 * For a confirmation: keeps the version that was shown when it was opened, for `If-Match`, and says when there is another one by
 * now. Nobody decides about what they have not seen.
 */
export function AsRead({ version, read }: { version: number; read: RefObject<number> }) {
  const [opened] = useState(version)
  useEffect(() => {
    read.current = opened
  }, [opened, read])
  if (opened === version) return null
  return (
    <Notice title="It was changed meanwhile">
      You would decide about what it was when you opened this, so it will be refused.
    </Notice>
  )
}

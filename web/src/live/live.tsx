import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import { queryClient } from '../api/queries.ts'
import { type EventNotice, invalidateBy, invalidateRuns } from './invalidations.ts'

/** `live`: told at once. `polling`: the stream is down, and everything shown is read again every 5 s. */
export type LiveState = 'connecting' | 'live' | 'polling'

const POLL_MS = 5_000
/** The stream is never silent for longer than its heartbeat of 10 s. */
const SILENT_MS = 25_000
/** A bulk of ten thousand changes is read a few times, not ten thousand times. */
const COLLECT_MS = 200

const Context = createContext<LiveState>('connecting')

/** How fresh what is shown is. Pages need nothing more: what they read is read again when it changes. */
export function useLive(): LiveState {
  return useContext(Context)
}

/** Listens to what happens, once for the whole UI, while somebody looks at it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<LiveState>('connecting')
  useEffect(() => follow(setState), [])
  return <Context value={state}>{children}</Context>
}

function follow(setState: (state: LiveState) => void): () => void {
  let source: EventSource | undefined
  let collected: EventNotice[] = []
  let [watchdog, collecting, polling]: (ReturnType<typeof setTimeout> | undefined)[] = []

  function hear() {
    clearTimeout(watchdog)
    watchdog = setTimeout(lose, SILENT_MS)
  }

  function open() {
    close()
    const opened = new EventSource('/api/admin/stream')
    source = opened
    hear()
    opened.addEventListener('hello', () => {
      hear()
      clearInterval(polling)
      polling = undefined
      setState('live')
      // What was read before may have changed before the stream began.
      void queryClient.invalidateQueries({ predicate: ({ queryKey: [path] }) => path !== '/api/session' })
    })
    opened.addEventListener('heartbeat', hear)
    opened.addEventListener('revision', hear)
    opened.addEventListener('progress', () => {
      hear()
      invalidateRuns()
    })
    opened.addEventListener('change', ({ data }) => {
      hear()
      collected.push(JSON.parse(data))
      collecting ??= setTimeout(() => {
        invalidateBy(collected)
        collected = []
        collecting = undefined
      }, COLLECT_MS)
    })
    opened.addEventListener('error', lose)
  }

  function lose() {
    setState('polling')
    polling ??= setInterval(() => {
      void queryClient.invalidateQueries()
      // A browser comes back by itself when the connection broke, not when it was refused or is silent.
      if (source?.readyState !== EventSource.CONNECTING) open()
    }, POLL_MS)
  }

  function close() {
    source?.close()
    clearTimeout(watchdog)
  }

  function rest() {
    close()
    clearInterval(polling)
    polling = undefined
  }

  // A browser has six connections to a server, and every hidden tab would keep one of them.
  function onVisibility() {
    if (document.hidden) rest()
    else open()
  }

  open()
  document.addEventListener('visibilitychange', onVisibility)
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    rest()
    clearTimeout(collecting)
  }
}

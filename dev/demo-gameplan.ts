import { readFile } from 'node:fs/promises'
import { callApi, type DemoOptions } from './demo.ts'

const TITLE = 'watch-later'
/** The others are for people to merge. */
const MERGED = ['1', '2']

/**
 * Makes a gameplan that has begun: two of its patches are merged, and its flag is there. What an interrupted call left out is
 * made; one of that name that somebody has taken further, paused or cancelled is left alone.
 * @returns the gameplan's id; undefined when nothing was to be done
 * @throws when the API answers with an error
 */
export async function loadDemoGameplan(api: DemoOptions): Promise<string | undefined> {
  const gameplans: { id: string; title: string }[] = await callApi(api, 'GET', 'gameplans?limit=200')
  const there = gameplans.find(({ title }) => title === TITLE)
  const path = `gameplans/${there?.id ?? (await make(api))}`
  const gameplan = await callApi(api, 'GET', path)
  if (gameplan.status === 'draft') await callApi(api, 'POST', `${path}/start`)
  else if (gameplan.status !== 'running' || gameplan.progress.done >= MERGED.length) return undefined
  for (const id of MERGED) await callApi(api, 'POST', `${path}/patches/${id}/merged`)
  return gameplan.id
}

async function make(api: DemoOptions): Promise<string> {
  const markdown = await readFile(new URL('demo-gameplan.md', import.meta.url), 'utf8')
  return (await callApi(api, 'POST', 'gameplans', { markdown })).id
}

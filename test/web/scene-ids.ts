import type { WebApp } from './browser.ts'

/** Ids of what the scene has, for pages that have one in their address. */
export interface SceneIds {
  planId: string
  templateId: string
  requestId: string
  migrationId: string
  runId: string
  releaseId: string
  gameplanId: string
}

/** Looks for what the scene has made. */
export async function readSceneIds({ call }: Pick<WebApp, 'call'>): Promise<SceneIds> {
  const first = async (path: string): Promise<string> => (await call('GET', path)).body[0].id
  return {
    planId: await first('flags/player/release-plans'),
    templateId: await first('release-plan-templates'),
    requestId: await first('environments/production/change-requests'),
    migrationId: await first('account-migrations'),
    runId: (await call('GET', 'catalog-policy-runs')).body[0].runId,
    releaseId: await first('releases'),
    gameplanId: await first('gameplans'),
  }
}

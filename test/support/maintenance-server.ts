// An admin server whose broker's work on history is made up.

import { Registry } from 'prom-client';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { AdminMaintenanceRoutes } from '../../src/engine/broker/admin-maintenance-routes.ts';
import { AdminServer } from '../../src/engine/broker/admin-server.ts';
import type { MaintenanceOperations } from '../../src/engine/broker/broker.ts';

export const servedClusterId = '3188e253-0000-4000-8000-000000000001';
/** What its clock says. */
export const servedAtMs = Date.parse('2026-11-21T10:00:12.000Z');

export function serveMaintenance(maintenance: MaintenanceOperations | undefined): Promise<AdminServer> {
  const routes = new AdminMaintenanceRoutes(maintenance, servedClusterId, () => servedAtMs);
  return AdminServer.open({
    host: '127.0.0.1',
    port: 0,
    registry: new Registry(),
    logger: silentLogger,
    isReady: () => true,
    cluster: () => ({}),
    routes: (request) => routes.answer(request),
  });
}

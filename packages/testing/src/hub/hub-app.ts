import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { addAccountRoutes } from "./account-routes.ts";
import { addBucketRoutes } from "./bucket-routes.ts";
import { addFileRoutes } from "./file-routes.ts";
import type { HubState } from "./hub-state.ts";
import { addInfoRoutes } from "./info-routes.ts";
import { addLfsRoutes } from "./lfs-routes.ts";
import { addViewerRoutes } from "./viewer-routes.ts";
import { addWriteRoutes } from "./write-routes.ts";
import { addXetRoutes } from "./xet/xet-routes.ts";

/** The Hub's routes over one state. */
export function hubApp(state: HubState): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    const { headers } = context.res;
    headers.set("x-request-id", `Root=1-${randomUUID()}`);
    // The Hub sends its limits with every answer; the twin's are never reached. A fault plays a full one.
    headers.set("ratelimit", '"api";r=999;t=300');
    headers.set("ratelimit-policy", '"fixed window";"api";q=1000;w=300');
  });
  addAccountRoutes(app, state);
  addWriteRoutes(app, state);
  addFileRoutes(app, state);
  addInfoRoutes(app, state);
  addLfsRoutes(app, state);
  addXetRoutes(app, state);
  addBucketRoutes(app, state);
  addViewerRoutes(app, state);
  return app;
}

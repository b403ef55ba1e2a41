import type { Hono } from "hono";
import { avatarOf, stableId } from "./hub-accounts.ts";
import { refusing } from "./hub-failure.ts";
import type { HubState } from "./hub-state.ts";

/** `whoami-v2`: who a token belongs to and what it may do. */
export function addAccountRoutes(app: Hono, state: HubState): void {
  app.get(
    "/api/whoami-v2",
    refusing((context) => {
      const { user, token } = state.accounts.requiredCallerOf(context);
      const accessToken = {
        displayName: `${user.name}-${token.role}`,
        role: token.role,
        createdAt: "2026-01-01T00:00:00.000Z",
        ...(token.role === "fineGrained"
          ? {
              fineGrained: {
                global: [],
                canReadGatedRepos: true,
                scoped: [
                  {
                    entity: { _id: stableId(user.name), type: "user", name: user.name },
                    permissions: [
                      "repo.content.read",
                      "repo.write",
                      ...(token.canRunJobs ? ["job.write"] : []),
                    ],
                  },
                ],
              },
            }
          : {}),
      };
      return context.json({
        type: "user",
        id: stableId(user.name),
        name: user.name,
        fullname: user.name,
        email: `${user.name}@example.com`,
        emailVerified: true,
        canPay: (user.creditUsd ?? 100) > 0,
        isPro: false,
        billingMode: "prepaid",
        periodEnd: null,
        avatarUrl: avatarOf(user.name),
        orgs: state.accounts.organisationsOf(user).map(({ account, role }) => ({
          type: "org",
          id: stableId(account.name),
          name: account.name,
          fullname: account.name,
          email: null,
          canPay: (account.creditUsd ?? 100) > 0,
          isEnterprise: false,
          periodEnd: null,
          avatarUrl: avatarOf(account.name),
          roleInOrg: role,
        })),
        auth: { type: "access_token", accessToken },
      });
    }),
  );
  app.post("/api/validate-yaml", (context) => context.json({ errors: [], warnings: [] }));
  app.get("/api/agent-harnesses", (context) => context.json({ error: "Not found" }, 404));
}

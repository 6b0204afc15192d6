// express, with and without express-openid-connect as its documentation shows it: `server.mjs open|session`.
// `GET /api/whoami` for whoever has signed in. LISTEN is required; ISSUER, CLIENT_ID and CLIENT_SECRET for `session`.
import express from "express";
import openid from "express-openid-connect";

const { LISTEN, ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
const [host, port] = LISTEN.split(":");
const app = express();

if (process.argv[2] === "session") {
  app.use(
    openid.auth({
      issuerBaseURL: ISSUER,
      baseURL: `http://${LISTEN}`,
      clientID: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      clientAuthMethod: "client_secret_post",
      secret: "thirty-two letters are a secret.",
      authRequired: false,
      authorizationParams: { response_type: "code", scope: "openid" },
    }),
  );
  app.get("/api/whoami", openid.requiresAuth(), (request, response) => response.send(request.oidc.user.sub));
} else {
  app.get("/api/whoami", (_request, response) => response.send("ada"));
}

const server = app.listen(Number(port), host, () => console.log(`listening on http://${LISTEN}`));
server.keepAliveTimeout = 120_000;

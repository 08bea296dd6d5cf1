# SPDX-License-Identifier: Apache-2.0
"""A web application that knows nothing of Lambda, and the adapter that makes a handler of it."""

from mangum import Mangum
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route


async def page(request):
    return HTMLResponse(f"<h1>{request.path_params['name']}</h1>")


async def echo(request):
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.query_params.multi_items(),
            "cookies": request.cookies,
            "mine": request.headers.get("x-mine"),
            "client": request.client.host,
            "body": (await request.body()).decode("latin-1"),
        }
    )


async def login(request):
    answer = RedirectResponse("/page/welcome", 303)
    answer.set_cookie("session", "one")
    answer.set_cookie("theme", "dark; light")
    return answer


async def image(request):
    return Response(bytes(range(256)), media_type="image/png")


app = Starlette(
    routes=[
        Route("/page/{name}", page),
        Route("/echo", echo, methods=["GET", "POST", "PUT"]),
        Route("/login", login, methods=["POST"]),
        Route("/image", image),
    ]
)
handler = Mangum(app, lifespan="off")

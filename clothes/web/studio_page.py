"""The page of `clothes studio`: from photos to a tested recogniser. Its own routes stand beside Gradio's."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from clothes import load_outfit
from clothes.errors import ClothesError
from clothes.photos import decode
from clothes.studio.page_sentences import error_for_page
from clothes.web.allowed_routes import STUDIO, STUDIO_ROUTES, Route
from clothes.web.base_page import Endpoint, Page, describe_problem, static
from clothes.web.memory import Memory
from clothes.web.outfit_tab import outfit_html
from clothes.web.server import https_context, opens_to_others, require_password, serve
from clothes.web.studio_answers import Given, Studio
from clothes.web.studio_phone import Phone
from clothes.web.studio_projects import Desk, refuse_others
from clothes.web.upload_form import MAX_MEGABYTES, MIN_FREE_BYTES
from clothes.web.uploads import Uploads

MAX_ZIP_MEGABYTES = 1_000
_SCRIPTS = (  # in this order
    *("words", "base", "grid", "photos", "upload", "projects"),
    *("camera", "train", "phone", "test", "use", "news"),
)


def build_page(desk: Desk, phone: Phone | None = None) -> gr.Blocks:
    """The page. With `phone` it is for this computer alone, and may open folders of it, and itself to a phone."""
    with Page("studio", title="Studio", parts=("outfit",)) as page:
        gr.HTML(
            html_template=static("studio.html"),
            js_on_load="\n".join([*(static(f"studio_{name}.js") for name in _SCRIPTS), static("studio.js")]),
            apply_default_css=False,
            max_megabytes=MAX_MEGABYTES,
            max_zip_megabytes=MAX_ZIP_MEGABYTES,
            is_local=phone is not None,
        )
    page.own_routes = _make_routes(desk, page.uploads, phone)
    return page


def launch(
    folder: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    auth: tuple[str, str] | None = None,
    certificate: tuple[Path, Path] | None = None,
    **options: Any,
) -> None:
    """Serves the page of a project until Ctrl-C. `options` are those of `serve`. Jobs go on when it ends.

    The `certificate` is for https in the network: of this page, or of the one that it opens to a phone.

    Raises ClothesError if the page cannot be opened, or would be open to the network without a password.
    """
    require_password(host, auth, f"change the photos of {folder} and train")
    if certificate:
        https_context(*map(str, certificate))  # a wrong one is told now, and not when a phone comes
    desk = Desk(Studio(folder))
    if opens_to_others(host):
        return serve(build_page(desk), host=host, auth=auth, certificate=certificate, **options)
    with Phone(lambda: build_page(desk), certificate) as phone:
        serve(build_page(desk, phone), host=host, auth=auth, **options)


def _make_routes(desk: Desk, uploads: Uploads, phone: Phone | None) -> dict[Route, Endpoint]:
    """What answers each of STUDIO_ROUTES, by its name there."""
    respond: dict[str, Callable[[Any], Response]] = {
        "thumbnail": lambda data: Response(data, media_type="image/jpeg"),
        "heatmap": lambda data: Response(data, media_type="image/jpeg"),
        "report": lambda path: FileResponse(path, media_type="text/html"),
        "download": lambda path: FileResponse(path, filename=path.name),
    }
    names = ("state", "photos", "suggestions", "check", "added", "result", "edit", "job", *respond)
    answers = {name: _answer(_by_studio(desk, name), respond.get(name, JSONResponse)) for name in names}
    answers |= {name: _answer_file(_by_studio(desk, name), uploads) for name in ("upload", "predict", "layers")}
    answers["outfit"] = _answer_file(_outfit_finder(), uploads)
    local = {"projects": desk.projects, "project": desk.project, "phone": phone.answer} if phone else {}
    answers |= {name: _answer(local.get(name, refuse_others)) for name in ("projects", "project", "phone")}
    return {route: answers[route.path.removeprefix(STUDIO).partition("/")[0]] for route in STUDIO_ROUTES}


def _by_studio(desk: Desk, name: str) -> Callable[..., Any]:
    """The answer of the project that is open when the question comes."""
    return lambda *given: getattr(desk.shown(given[-1]), name)(*given)


def _outfit_finder() -> Callable[[Path, Given], Any]:
    """Returns what finds the garments in a photo: the bundled network, loaded when it is first asked."""
    memory = Memory()

    def find(path: Path, _: Given) -> dict[str, str]:
        pixels = decode.read(path)
        return {"html": outfit_html(pixels, memory.get("parser", None, load_outfit).parse(pixels))}

    return find


def _answer(function: Callable[[Given], Any], respond: Callable[[Any], Response] = JSONResponse) -> Endpoint:
    """Answers a question: the path and the query, or the JSON that was posted, are given to `function`."""

    async def endpoint(request: Request) -> Response:
        given: Given = {**request.path_params, **request.query_params}
        if request.method == "POST":
            body = await request.json()  # checked by the rules for requests
            given = body if isinstance(body, dict) else {}
        return await run_in_threadpool(_try, lambda: respond(function(given)))

    return endpoint


def _answer_file(function: Callable[[Path, Given], Any], uploads: Uploads) -> Endpoint:
    """Answers what is asked about a file, which is the body. It is kept until the answer."""

    async def endpoint(request: Request) -> Response:
        given: Given = dict(request.query_params)
        path = None
        try:
            path = uploads.new_path("file")
            await _receive(request, path)
            return await run_in_threadpool(_try, lambda: JSONResponse(function(path, given)))
        except HTTPException as error:
            return _problem(error.detail, error.status_code)
        except ClientDisconnect:
            return _problem("The upload was cancelled.")
        except OSError as error:
            return _problem(_explain(error), 507)
        finally:
            if path:
                shutil.rmtree(path.parent, ignore_errors=True)

    return endpoint


async def _receive(request: Request, path: Path) -> None:
    """Writes a body to the disk as it comes. Raises HTTPException if it is too long or the disk is full."""
    is_zip = request.query_params.get("name", "").lower().endswith(".zip")
    most, total = MAX_ZIP_MEGABYTES if is_zip else MAX_MEGABYTES, 0
    with path.open("xb") as file:
        async for chunk in request.stream():
            total += len(chunk)
            if total > most * 1_000_000:
                raise HTTPException(413, f"It has more than {most} MB.")
            await run_in_threadpool(_write, file, chunk)


def _write(file: Any, chunk: bytes) -> None:
    if shutil.disk_usage(file.name).free < MIN_FREE_BYTES:
        raise HTTPException(507, "The disk is almost full. Nothing was lost; make room, then send the rest again.")
    file.write(chunk)


def _try(function: Callable[[], Response]) -> Response:
    """The answer of a function, or the problem in words."""
    try:
        return function()
    except ClothesError as error:
        return _problem(error_for_page(error, describe_problem(error, "Not done")))
    except FileNotFoundError as error:
        return _problem(f"{error.filename} is gone. Put it back, or reload the page: all else is as it was.")
    except OSError as error:
        return _problem(_explain(error))
    except (KeyError, TypeError, ValueError, AttributeError):
        return _problem("This is not a question that the page asks. Reload the page.")


def _explain(error: OSError) -> str:
    return f"{error.filename or 'The disk'}: {error.strerror}. Nothing was lost. Make room or make it writable."


def _problem(text: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"problem": text}, status)

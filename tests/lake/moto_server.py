"""moto's server, carrying out one PUT at a time.

moto checks `If-Match` and then writes (`S3Response.put_object`), with each request on a thread of its own: of two puts with one
ETag both can pass, where S3 lets one pass.
"""

import threading

from moto import server

serve = server.run_simple


def serve_one_put_at_a_time(host, port, app, **options):
    lock = threading.Lock()

    def one_put_at_a_time(environ, start_response):
        if environ["REQUEST_METHOD"] != "PUT":
            return app(environ, start_response)
        with lock:
            return list(app(environ, start_response))

    serve(host, port, one_put_at_a_time, **options)


server.run_simple = serve_one_put_at_a_time
server.main()

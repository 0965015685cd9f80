# The demo: docker build -t neurokit . && docker run -v "$PWD:/out" neurokit
FROM python:3.11-slim
WORKDIR /neurokit
COPY . .
RUN pip install --no-cache-dir -c constraints.txt ".[io]"
# loops compiled once; a processor of another kind compiles them anew
RUN neurokit warm
WORKDIR /out
CMD ["neurokit", "demo", "--out", "/out/neurokit-demo.html"]
